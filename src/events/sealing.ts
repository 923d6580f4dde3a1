import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { assert } from '../assert.ts';
import type { EventDefinition } from './definition.ts';
import type { EventData, Json } from './event.ts';

/**
 * A personal field as it stands in the log: AES-256-GCM under the subject's key (NIST SP 800-38D), so that destroying the
 * key erases the field everywhere while every byte of the log stays as it is.
 */
export type Sealed = { readonly sealed: string; readonly subject: string };

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals a JSON value; `sealed` is base64 of nonce, ciphertext and tag. The subject is authenticated too. */
export function seal(value: Json, subject: string, key: Buffer): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(subject));
  const sealed = Buffer.concat([
    nonce,
    cipher.update(JSON.stringify(value), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return { sealed: sealed.toString('base64'), subject };
}

/** @throws Error when the bytes were not sealed for this subject under this key. */
export function unseal({ sealed, subject }: Sealed, key: Buffer): Json {
  const bytes = Buffer.from(sealed, 'base64');
  assert(bytes.length > NONCE_BYTES + TAG_BYTES, 'a sealed value holds a nonce and a tag');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(subject))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  const open = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  return JSON.parse(open.toString('utf8')) as Json;
}

export function isSealed(value: unknown): value is Sealed {
  return typeof value === 'object' && value !== null && 'sealed' in value && 'subject' in value;
}

/** Whose keys the events need before they can be sealed: at most one subject an event. */
export function subjectOf(definition: EventDefinition, data: EventData): string | null {
  if (definition.subject === null) return null;
  return definition.personal.some((field) => isPresent(data[field])) ? definition.subject(data) : null;
}

/** The data with its personal fields sealed; fields that are null or absent stay so. */
export function sealFields(definition: EventDefinition, data: EventData, key: Buffer): EventData {
  assert(definition.subject !== null, 'an event with personal fields names its subject');
  const subject = definition.subject(data);
  const sealed: { [name: string]: Json } = { ...data };
  for (const field of definition.personal) {
    const value = data[field];
    if (isPresent(value)) sealed[field] = seal(value, subject, key);
  }
  return sealed;
}

/** A copy with every sealed value in it opened; `null` where the key is gone. `keyOf` gives a subject's key. */
export function openFields(value: Json, keyOf: (subject: string) => Buffer | null): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (isSealed(value)) {
    const key = keyOf(value.subject);
    return key === null ? null : unseal(value, key);
  }
  if (Array.isArray(value)) return value.map((item: Json) => openFields(item, keyOf));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, openFields(item, keyOf)]));
}

/** The subjects of all sealed values in it, some perhaps twice. */
export function sealedSubjects(value: Json, found: string[] = []): readonly string[] {
  if (typeof value !== 'object' || value === null) return found;
  if (isSealed(value)) found.push(value.subject);
  else for (const item of Object.values(value)) sealedSubjects(item, found);
  return found;
}

function isPresent(value: Json | undefined): value is Json {
  return value !== null && value !== undefined;
}

/** Where subjects' keys are kept: not derived data, and with a backup of its own. */
export interface SubjectKeys {
  /** The subject's key, or `null` where it was destroyed or never made. */
  get(subject: string): Buffer | null;
  /** The keys of these subjects, made and synced where there were none. A destroyed key is never made again: `subject.erased`. */
  ensure(subjects: readonly string[]): Promise<readonly Buffer[]>;
  destroy(subject: string): Promise<void>;
  close(): Promise<void>;
}
