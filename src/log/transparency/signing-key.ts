import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errors } from '../../errors.ts';

/** Where the key lies that checkpoints are signed with, unless the configuration names a file. */
export function signingKeyPath(treeDir: string): string {
  return join(treeDir, 'signing.key');
}

/**
 * The Ed25519 key that signs checkpoints, from a PEM file (PKCS #8). The one in the tree's folder is made if it is missing;
 * one that the configuration names must be there.
 * @throws config.invalid
 */
export function openSigningKey(treeDir: string, configured: string | null): KeyObject {
  mkdirSync(treeDir, { recursive: true, mode: 0o700 });
  const key = findSigningKey(treeDir, configured);
  if (key !== null) return key;
  if (configured !== null) throw invalid(`there is no file ${configured}`);
  makeKey(treeDir);
  return openSigningKey(treeDir, null);
}

/** As `openSigningKey`, for those who read only: `null` where there is no such file. */
export function findSigningKey(treeDir: string, configured: string | null): KeyObject | null {
  const path = configured ?? signingKeyPath(treeDir);
  const pem = readPem(path);
  if (pem === null) return null;
  const key = readKey(pem);
  if (key?.asymmetricKeyType !== 'ed25519') throw invalid(`${path} holds no Ed25519 private key in PEM (PKCS #8)`);
  return key;
}

function makeKey(dir: string): void {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  writeFileSync(signingKeyPath(dir), pem, { mode: 0o600, flag: 'wx', flush: true });
  const folder = openSync(dir, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function readPem(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function readKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    // Whatever is wrong with the file, it is not such a key.
    return null;
  }
}

function invalid(message: string) {
  return errors.error('config.invalid', message, { errors: [{ path: 'STRATA_LOG_SIGNING_KEY', message }] });
}
