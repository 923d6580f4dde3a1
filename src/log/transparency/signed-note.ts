import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { errors } from '../../errors.ts';

/** A signed note as C2SP signed-note has it, with Ed25519 signatures. */
const ED25519 = 0x01;
const KEY_BYTES = 32;
const ID_BYTES = 4;
const NOTE_CHARACTERS_MAX = 64 * 1024;
const SIGNATURE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const VERIFIER = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/u;
/** What stands before the 32 bytes of a public key in DER (RFC 8410). */
const DER_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A key under its name: what a signature line says made it. */
export type Verifier = {
  /** Without spaces and `+`. */
  readonly name: string;
  /** 8 hex digits. */
  readonly id: string;
  readonly publicKey: KeyObject;
};

export function verifierOf(name: string, key: KeyObject): Verifier {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed(publicKey)]), 'hex');
  return { name, id: id.slice(0, 2 * ID_BYTES), publicKey };
}

/** `name+id+base64`: the form in which verifiers are handed on. */
export function formatVerifier({ name, id, publicKey }: Verifier): string {
  return `${name}+${id}+${typed(publicKey).toString('base64')}`;
}

/** @throws log.note-invalid where the text is not a verifier, of an Ed25519 key. */
export function parseVerifier(text: string): Verifier {
  const [, name = '', id, base64 = ''] = VERIFIER.exec(text) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 1 + KEY_BYTES || bytes[0] !== ED25519) {
    throw errors.error('log.note-invalid', 'a verifier key has the form name+id+base64, of an Ed25519 key');
  }
  const der = Buffer.concat([DER_PREFIX, bytes.subarray(1)]);
  const verifier = verifierOf(name, createPublicKey({ key: der, format: 'der', type: 'spki' }));
  if (verifier.id !== id) throw errors.error('log.note-invalid', `the verifier key's id is ${verifier.id}, not ${id}`);
  return verifier;
}

/** Signs a text, which ends with a line break. */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  const { id } = verifierOf(name, privateKey);
  const signature = Buffer.concat([Buffer.from(id, 'hex'), sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n— ${name} ${signature.toString('base64')}\n`;
}

/** The text of a note, whoever signed it. @throws log.note-invalid where it is not a note. */
export function noteText(note: string): string {
  return split(note).text;
}

/**
 * The text of a note that the verifier's key signed. Signatures of other keys are passed over.
 * @throws log.note-invalid where it is not a note, the key did not sign it, or its signature is of another text.
 */
export function openNote(note: string, verifier: Verifier): string {
  const { text, signatures } = split(note);
  const own = signatures.filter(({ name, id }) => name === verifier.name && id === verifier.id);
  if (own.length === 0) {
    const names = signatures.map(({ name, id }) => `${name}+${id}`).join(', ');
    throw errors.error('log.note-invalid', `it is signed by ${names}, not by ${verifier.name}+${verifier.id}`);
  }
  for (const { bytes } of own) {
    if (!verify(null, Buffer.from(text), verifier.publicKey, bytes)) {
      throw errors.error('log.note-invalid', `the signature of ${verifier.name}+${verifier.id} is not of this text`);
    }
  }
  return text;
}

type Signature = { readonly name: string; readonly id: string; readonly bytes: Buffer };

function split(note: string): { readonly text: string; readonly signatures: readonly Signature[] } {
  const end = note.lastIndexOf('\n\n');
  const lines = note.slice(end + 2, -1).split('\n');
  const signatures = lines.map((line): Signature | null => {
    const [, name, base64 = ''] = SIGNATURE.exec(line) ?? [];
    const bytes = Buffer.from(base64, 'base64');
    if (name === undefined || bytes.length <= ID_BYTES) return null;
    return { name, id: bytes.toString('hex', 0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
  });
  if (note.length > NOTE_CHARACTERS_MAX || end === -1 || !note.endsWith('\n') || signatures.includes(null)) {
    throw errors.error('log.note-invalid', 'this is not a signed note');
  }
  return { text: note.slice(0, end + 1), signatures: signatures.filter((signature) => signature !== null) };
}

function typed(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ format: 'der', type: 'spki' });
  return Buffer.concat([Buffer.from([ED25519]), der.subarray(-KEY_BYTES)]);
}
