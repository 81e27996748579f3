/**
 * Options of TLS: who a server shows that it is, and whom a client trusts.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Fetch } from '../federation/client/http.ts';
import { nodeFetch, readFingerprint } from '../federation/client/node-fetch.ts';
import { fingerprintOf, ownTls, readTls, type ServerTls } from '../federation/http/certificate.ts';
import { UsageError } from './failure.ts';

/** What {@link addTlsOptions} gives. */
export interface TlsFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly lan?: true;
}

/** Options of a server. */
export function addTlsOptions(command: Command): Command {
  return command
    .option('--tls-cert <file>', 'certificate to serve HTTPS with, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option(
      '--tls-client-ca <file>',
      'turn away clients whose certificate is not signed by this, PEM',
    )
    .option('--lan', 'serve the local network, over HTTPS with a certificate of its own');
}

/** What a server shows who it is with; `undefined` for HTTP. @throws {UsageError} if options do not go together. */
export async function serverTls(
  { tlsCert, tlsKey, tlsClientCa, lan }: TlsFlags,
  folder: string,
): Promise<ServerTls | undefined> {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together');
  }
  if (lan && tlsCert !== undefined) {
    const other = 'with --tls-cert, --host 0.0.0.0 lets the local network in';
    throw new UsageError(`--lan makes a certificate of its own: ${other}`);
  }
  if (tlsCert !== undefined && tlsKey !== undefined) {
    return readTls({ cert: tlsCert, key: tlsKey, ...(tlsClientCa && { clientCa: tlsClientCa }) });
  }
  if (!lan) {
    if (tlsClientCa === undefined) return undefined;
    throw new UsageError('--tls-client-ca goes with --tls-cert or --lan');
  }
  const own = await ownTls(join(folder, 'tls'), Date.now());
  return tlsClientCa === undefined
    ? own
    : { ...own, clientCa: await readFile(tlsClientCa, 'utf8') };
}

/** What people compare: the fingerprint, if the certificate is vouched for by nobody. */
export function fingerprintTo(flags: TlsFlags, tls: ServerTls | undefined): string | undefined {
  return tls !== undefined && flags.tlsCert === undefined ? fingerprintOf(tls.cert) : undefined;
}

/** What {@link addTrustOptions} gives. */
export interface TrustFlags {
  readonly fingerprint?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Options of a client. */
export function addTrustOptions(command: Command): Command {
  return command
    .option(
      '--fingerprint <sha256>',
      'trust the server with this certificate and no other, as its --lan shows it',
      parseFingerprint,
    )
    .option('--tls-ca <file>', "who signs the server's certificate, PEM")
    .option('--tls-cert <file>', 'certificate of this client, for servers that ask for one, PEM')
    .option('--tls-key <file>', 'its key, PEM');
}

/** How a client asks; `undefined` for the platform's own way. @throws {UsageError} if options do not go together. */
export async function clientFetch(url: string, flags: TrustFlags): Promise<Fetch | undefined> {
  const { fingerprint, tlsCa, tlsCert, tlsKey } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new UsageError('--tls-cert and --tls-key go together');
  }
  if (!url.startsWith('https:')) {
    const given = { '--fingerprint': fingerprint, '--tls-ca': tlsCa, '--tls-cert': tlsCert };
    const [name] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
    if (name !== undefined) throw new UsageError(`${name} goes with a URL of https:, got ${url}`);
    return undefined;
  }
  const pem = async (path: string | undefined): Promise<string | undefined> =>
    path === undefined ? undefined : readFile(path, 'utf8');
  const [ca, cert, key] = [await pem(tlsCa), await pem(tlsCert), await pem(tlsKey)];
  return nodeFetch({
    ...(fingerprint !== undefined && { fingerprint }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
}

function parseFingerprint(text: string): string {
  try {
    return readFingerprint(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
