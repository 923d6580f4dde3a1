import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { CliFailure } from './failure.ts';

/** Beyond this, a folder is no dapp but a mistake, such as a home folder. */
const BYTES_MAX = 1024 ** 3;

/**
 * Packs a folder's files into a zip archive, paths relative to the folder, sorted. Hidden files, links and
 * `node_modules` stay out; the same files make the same archive.
 * @throws CliFailure when there are no files, or more than 1 GiB of them.
 */
export async function zipFolder(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: path.slice(join(folder, '/').length).replaceAll('\\', '/') }))
    .filter(({ name }) => !name.split('/').some((part) => part.startsWith('.') || part === 'node_modules'))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (paths.length === 0) throw new CliFailure(`${folder} has no files to pack`);
  const archive = new ZipFile();
  let bytes = 0;
  for (const { path, name } of paths) {
    bytes += (await stat(path)).size;
    if (bytes > BYTES_MAX) throw new CliFailure(`${folder} has more than 1 GiB of files`);
    archive.addFile(path, name, { mtime: new Date(Date.UTC(1980, 0, 1)), mode: 0o100644 });
  }
  archive.end();
  // yazl types its stream by the old interface; it is a PassThrough.
  return new Uint8Array(await buffer(archive.outputStream as NodeJS.ReadableStream));
}
