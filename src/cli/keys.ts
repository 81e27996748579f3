/**
 * `aggregis keys`: a client's key, shown or changed.
 *
 * @module
 */

import { Command } from 'commander';
import { rotateKey } from '../federation/client/rotation.ts';
import { openIdentity, readIdentity, saveIdentity } from '../federation/identity-file.ts';
import { createNodeCrypto } from '../secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { hex } from '../secagg/suite.ts';
import { EXIT_CODES, UsageError } from './failure.ts';
import { interruptible } from './interruptible.ts';
import { addTrustOptions, clientFetch, type TrustFlags } from './tls-options.ts';

interface Flags extends TrustFlags {
  readonly key: string;
  readonly json?: true;
}

const DETAILS = `
A client is known by its id, which stays when its key changes. Public keys are for allow-lists of coordinators.

rotate keeps the new key in the file before it asks the coordinator, and the old one until that has agreed: if it
is cut off, run it again. A run knows a key of its own for each client: rotate in each run that the client is in.
`;

/** The command. */
export function keysCommand(): Command {
  const show = new Command('show')
    .description('Shows the id and the public key of a client; makes one where there is none.')
    .requiredOption('--key <file>', "the client's key")
    .option('--json', 'print JSON')
    .addHelpText('after', EXIT_CODES)
    .action(showKey);
  const rotate = new Command('rotate')
    .description("Changes a client's key for a new one.")
    .argument('<url>', 'where the coordinator is')
    .requiredOption('--key <file>', "the client's key")
    .option('--json', 'print JSON')
    .addHelpText('after', EXIT_CODES)
    .action(rotateTo);
  return new Command('keys')
    .summary("show or change a client's key")
    .description("Shows or changes a client's key.")
    .addCommand(show)
    .addCommand(addTrustOptions(rotate))
    .addHelpText('after', DETAILS + EXIT_CODES);
}

async function showKey({ key, json }: Flags): Promise<void> {
  await withCrypto(async (crypto) => {
    const { id, publicKey } = await openIdentity(key, crypto);
    const told = { client: id, publicKey: hex(publicKey) };
    print(json, told, `client      ${told.client}\npublic key  ${told.publicKey}`);
  });
}

async function rotateTo(url: string, flags: Flags): Promise<void> {
  const { key, json } = flags;
  await interruptible((signal) =>
    withCrypto(async (crypto) => {
      const identity = await readIdentity(key, crypto);
      if (identity === undefined) throw new UsageError(`${key}: there is no key to change`);
      const fetch = await clientFetch(url, flags);
      const save = (next: typeof identity): Promise<void> => saveIdentity(key, next);
      const asked = { url, identity, crypto, save, signal, ...(fetch && { fetch }) };
      const { id, publicKey } = await rotateKey(asked);
      const told = { client: id, publicKey: hex(publicKey) };
      print(json, told, `${told.client} has the key ${told.publicKey} now`);
    }),
  );
}

async function withCrypto(work: (crypto: CryptoProvider) => Promise<void>): Promise<void> {
  const crypto = await createNodeCrypto({ threads: 0 });
  try {
    await work(crypto);
  } finally {
    await crypto.close();
  }
}

function print(json: true | undefined, told: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(told) : text}\n`);
}
