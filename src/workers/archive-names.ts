import { errors } from '../errors.ts';

const NAME_BYTES_MAX = 1024;
const DRIVE = /^[a-z]:/i;
/** NUL and the other control characters of ASCII. */
const CONTROL = /\p{Cc}/u;
/** What macOS and Windows put beside people's files. */
const LITTER = /(^|\/)(__MACOSX|\.DS_Store|Thumbs\.db)(\/|$)/;

/**
 * Checks an entry's name: a plain relative path with `/` between its parts. Names never become paths on the disk, but they
 * become addresses, and people unpack what they download again.
 * @throws upload.archive-unsafe
 */
export function checkName(name: string): void {
  const refuse = (why: string) => {
    throw errors.error('upload.archive-unsafe', `the entry ${JSON.stringify(name.slice(0, 200))} ${why}`);
  };
  if (name === '' || Buffer.byteLength(name) > NAME_BYTES_MAX)
    refuse(`has no name, or one over ${NAME_BYTES_MAX} bytes`);
  if (CONTROL.test(name)) refuse('has a control character in its name');
  if (name.includes('\\')) refuse('has a backslash in its name');
  if (name.startsWith('/') || DRIVE.test(name)) refuse('has an absolute path');
  const parts = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  if (parts.some((part) => part === '..')) refuse('leads out of the archive');
  if (parts.some((part) => part === '.' || part === '')) refuse('has an empty part in its path');
}

export function isFolder(name: string): boolean {
  return name.endsWith('/');
}

export function isLitter(name: string): boolean {
  return LITTER.test(name);
}
