/**
 * Certificates of a server: read from files, or its own for a local network, which clients know by its
 * fingerprint alone.
 *
 * @module
 */

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../formats/node-files.ts';
import { selfSigned } from './self-signed.ts';

/** What a server shows who it is with. */
export interface ServerTls {
  /** PEM, the server's own certificate first. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** PEM: who signs certificates of clients. With it, whoever has none is turned away. */
  readonly clientCa?: string;
}

/** How long a certificate of our own holds. */
const LIFETIME_MS = 397 * 24 * 3600 * 1000;
/** One that ends sooner is made anew. */
const LEAST_LEFT_MS = 24 * 3600 * 1000;

/** SHA-256 of a certificate, the first where there are several: 64 lower-case hex digits. */
export function fingerprintOf(cert: string): string {
  return createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
}

/** Certificate and key in files. @throws {FormatError} `malformed` if they are none, or not of each other. */
export async function readTls(files: {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
}): Promise<ServerTls> {
  const cert = await readFile(files.cert, 'utf8');
  const key = await readFile(files.key, 'utf8');
  const own = parsed(files.cert, () => new X509Certificate(cert));
  const secret = parsed(files.key, () => createPrivateKey(key));
  if (!own.checkPrivateKey(secret)) {
    throw new FormatError('malformed', `${files.key}: is not the key of ${files.cert}`);
  }
  if (files.clientCa === undefined) return { cert, key };
  const clientCa = await readFile(files.clientCa, 'utf8');
  parsed(files.clientCa, () => new X509Certificate(clientCa));
  return { cert, key, clientCa };
}

function parsed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch {
    // What OpenSSL says of a key is no help, and might quote it.
    throw new FormatError('malformed', `${path}: holds no PEM that can be used`);
  }
}

/**
 * The certificate of a run for the local network: the one in `folder`, so that fingerprints stay, or a new
 * one. Nobody else may read its key.
 */
export async function ownTls(folder: string, now: number): Promise<ServerTls> {
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  try {
    const found = await readTls({ cert: certPath, key: keyPath });
    const end = Date.parse(new X509Certificate(found.cert).validTo);
    if (end - now >= LEAST_LEFT_MS) return found;
  } catch (error) {
    const isFirst = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isFirst && !(error instanceof FormatError)) throw error;
  }
  // Clocks of a local network differ.
  const [notBefore, notAfter] = [now - LEAST_LEFT_MS, now + LIFETIME_MS];
  const made = selfSigned({ names: localNames(), notBefore, notAfter });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await rm(keyPath, { force: true });
  await write(keyPath, made.key);
  await write(certPath, made.cert);
  return made;
}

async function write(path: string, text: string): Promise<void> {
  // The folder is shut to others; so is the file, should it be copied.
  await writeFileAtomic(path, (append) => append(Buffer.from(text)));
  await chmod(path, 0o600);
}

/** Addresses of this machine that others on its network may reach, IPv4 first. */
export function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  return all
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .sort((a, b) => Number(b.family === 'IPv4') - Number(a.family === 'IPv4'))
    .map(({ address }) => address);
}

function localNames(): string[] {
  const own = /^[A-Za-z0-9._-]{1,63}$/.test(hostname()) ? [hostname()] : [];
  return [...new Set([...lanAddresses(), '127.0.0.1', '::1', 'localhost', ...own])];
}
