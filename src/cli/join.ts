/**
 * `aggregis join`: a client of a federation, for the digits task or for training of one's own.
 *
 * @module
 */

import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { attacks } from '../attacks/list.ts';
import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import { nodeSpawner } from '../core/spawn-node.ts';
import { type ClientStatus, FederationClient } from '../federation/client/client.ts';
import type { Train } from '../federation/client/train.ts';
import { trainInWorkerWith } from '../federation/client/worker-trainer.ts';
import { Identity } from '../federation/identity.ts';
import { openIdentity } from '../federation/identity-file.ts';
import { visible } from '../formats/quote.ts';
import { type WireDtype, wireDtypes } from '../formats/wire.ts';
import { loadData } from '../lab/data-files.ts';
import type { Dataset } from '../lab/dataset.ts';
import { digitsTrainer } from '../lab/digits-client.ts';
import { drawDigits } from '../lab/glyphs.ts';
import { type NamedAttack, namedAttack, namedRule } from '../lab/named.ts';
import { streamOf } from '../lab/sampling.ts';
import { createNodeCrypto } from '../secagg/crypto/create-node.ts';
import type { CryptoProvider } from '../secagg/crypto/provider.ts';
import { parseCount, parsePositive, parseWhole } from './arguments.ts';
import { ofOption, UsageError } from './failure.ts';
import { interruptible } from './interruptible.ts';
import { type SecureFlags, secureJoining, withSecureOptions } from './join-secure.ts';
import { addTrustOptions, clientFetch, type TrustFlags } from './tls-options.ts';

/** The options as commander gives them. */
interface Flags extends SecureFlags, TrustFlags {
  readonly data?: string;
  readonly part?: Part;
  readonly alpha: number;
  readonly seed?: number;
  readonly train?: string;
  readonly attack?: string;
  readonly attackers?: number;
  readonly claim: number;
  readonly dtype?: WireDtype;
  readonly rounds?: number;
  readonly patience: number;
  readonly json?: true;
}

/** One of so many clients. */
interface Part {
  readonly part: number;
  readonly parts: number;
}

/** Digits that clients share, and those of one that is by itself. */
const SHARED_EXAMPLES = 3000;
const OWN_EXAMPLES = 300;

const DETAILS = `
Without --data, the client draws digits of its own, 16×16 pixels, as the coordinator's task of digits has them.
--data takes a CSV or CSV.gz with the label in the last column, or a folder with MNIST's IDX files. With
--part 3/20 the client has the third of twenty parts that all clients of the same --seed deal out alike,
unevenly, by a Dirichlet distribution over labels.

--train takes a module that exports a function train(task): it gives { difference, samples }, where the
difference holds for each tensor of task.model.tensors as many values. It runs in a thread of its own.

The key makes the client: without --key it is lost with the process, and with it the client's standing.

Where updates are masked, the client takes part only in sums that its owner would be in: of 16 inputs or more,
unless --min-sum says otherwise, with a tenth of the clients in league with the server. Without --peers, anybody
counts as a client whom the server says to be one. With --key, what was signed is kept beside the key, so that
no crash makes the client sign twice.

For demonstrations, --attack sends what an attack makes instead: of what parts --attackers + 1 and above
will send, or of its own update where there are no parts. The first --attackers parts collude. --claim
multiplies the samples that are claimed. Attacks: ${attacks.map(({ name }) => name).join(', ')}.

Exit codes:
  0    the run is over, or as many rounds are as --rounds says
  1    the coordinator refuses the client, cannot be reached, or is none; training failed
  2    wrong usage, or input of yours that cannot be read
  130  interrupted

A stack trace is printed with AGGREGIS_DEBUG=1.`;

/** The command. */
export function joinCommand(): Command {
  const command = new Command('join')
    .summary('take part in a federation: train what a coordinator sends')
    .description('Takes part in the federation at an address: trains what its coordinator sends.')
    .argument('<url>', 'where the coordinator is, such as http://127.0.0.1:8790', parseUrl)
    .option('--key <file>', "the client's key, made if there is none")
    .option('--data <path>', 'train on these examples instead of drawn digits')
    .option('--part <i/n>', 'have one of n parts of the examples', parsePart)
    .option('--alpha <a>', 'with --part: how alike parts are', parsePositive, 1)
    .option('--seed <n>', 'fixes examples and batches (default: 1 with --part)', parseWhole)
    .option('--train <module>', 'train by this module instead')
    .option('--attack <spec>', 'attack instead, e.g. sign-flip:scale=4')
    .option('--attackers <n>', 'with --attack: how many collude', parseCount)
    .option('--claim <factor>', 'claim so many times the samples', parseCount, 1)
    .addOption(new Option('--dtype <type>', 'number type to send').choices([...wireDtypes]))
    .option('--rounds <n>', 'leave after so many rounds', parseCount)
    .option('--patience <seconds>', 'how long to try what fails', parsePositive, 600);
  return addTrustOptions(withSecureOptions(command))
    .option('--json', 'tell what happens as lines of JSON')
    .addHelpText('after', DETAILS)
    .action(run);
}

async function run(url: string, flags: Flags): Promise<void> {
  checkFlags(flags);
  const attack = flags.attack && ofOption('--attack', () => namedAttack(flags.attack!));
  await interruptible(async (signal) => {
    const crypto = await createNodeCrypto({ threads: 0 });
    try {
      await join({ url, flags, crypto, signal, ...(attack && { attack }) });
    } finally {
      await crypto.close();
    }
  });
}

function checkFlags({ train, attack, attackers, data, part, claim }: Flags): void {
  const idle =
    train !== undefined
      ? Object.entries({ attack, data, part }).find(([, value]) => value !== undefined)?.[0]
      : undefined;
  if (idle !== undefined) throw new UsageError(`--train does not go with --${idle}`);
  if (train !== undefined && claim !== 1) throw new UsageError('--train does not go with --claim');
  if (attackers === undefined) return;
  if (attack === undefined) throw new UsageError('--attackers goes with --attack alone');
  if (part === undefined) throw new UsageError('--attackers goes with --part: who colludes?');
  if (part.part > attackers || attackers >= part.parts) {
    const range = `from ${part.part} to ${part.parts - 1}`;
    throw new UsageError(
      `--attackers must be ${range} for the part ${part.part}, got ${attackers}`,
    );
  }
}

/** What a client is started with. */
interface Joining {
  readonly url: string;
  readonly flags: Flags;
  readonly crypto: CryptoProvider;
  readonly signal: AbortSignal;
  readonly attack?: NamedAttack;
}

async function join(joining: Joining): Promise<void> {
  const { url, flags, crypto, signal } = joining;
  const { key, dtype, rounds, patience } = flags;
  const identity = key ? await openIdentity(key, crypto) : await Identity.create(crypto);
  const fetch = await clientFetch(url, flags);
  const teller = new Teller(flags);
  // Before anything is asked of the coordinator: what is wrong here is told at once.
  await using training = await trainingOf(joining);
  await using secure = await secureJoining(flags, (message) => teller.warn(message));
  using client = await FederationClient.connect({
    url,
    identity,
    crypto,
    signal,
    patienceMs: patience * 1000,
    // What attackers send is for the screen to see.
    nonFinite: flags.attack !== undefined,
    secure: secure.take,
    onStatus: (status) => teller.status(status),
    ...(dtype && { dtype }),
    ...(fetch && { fetch }),
  });
  teller.joined(client);
  const train = training.for(client);
  for await (const part of client.participate({ train, signal, ...(rounds && { rounds }) })) {
    const { round, outcome, reason, receipt } = part;
    const about = receipt ? `update ${receipt.root.slice(0, 12)} counts` : (reason ?? outcome);
    teller.say({ event: outcome, ...part }, `round ${round}: ${about}`);
  }
  teller.say({ event: 'finished' }, 'done');
}

/** Training, and what must be closed after it. */
interface Training extends AsyncDisposable {
  for(client: FederationClient): Train;
}

async function trainingOf({ flags, attack, crypto }: Joining): Promise<Training> {
  const { train: module, claim, attackers, part = { part: 1, parts: 1 } } = flags;
  if (module !== undefined) {
    // A worker begins with the first round, long after the client has enrolled.
    await access(module);
    const trainer = trainInWorkerWith(nodeSpawner)(pathToFileURL(resolve(module)));
    return { for: () => trainer.train, [Symbol.asyncDispose]: () => trainer.close() };
  }
  const seed = flags.seed ?? (flags.part ? 1 : ownSeed(crypto));
  const data = await dataOf(flags, seed);
  if (part.parts > data.size) {
    throw new UsageError(`--part: there are ${data.size} examples for ${part.parts} parts`);
  }
  const options = { data, ...part, alpha: flags.alpha, seed };
  const backend = attack && (await createBackend('reference'));
  return {
    for(client) {
      const train = digitsTrainer({
        ...options,
        ...(attack && backend && { attack: aimed(attack, { client, backend, attackers, part }) }),
      });
      return async (task) => {
        const update = await train(task);
        return update && { ...update, samples: claim * update.samples };
      };
    },
    async [Symbol.asyncDispose]() {
      await backend?.close();
    },
  };
}

/** The attack on the rule that the coordinator names. */
function aimed(
  attack: NamedAttack,
  options: {
    readonly client: FederationClient;
    readonly backend: Backend;
    readonly attackers: number | undefined;
    readonly part: Part;
  },
): Parameters<typeof digitsTrainer>[0]['attack'] {
  const { client, backend, part, attackers = part.part } = options;
  const { rule: spec } = client.info.details;
  const { rule } = namedRule(typeof spec === 'string' ? spec : 'mean');
  return { attack: attack.against(rule, backend), attackers, backend };
}

/** Clients that share nothing draw digits of their own. */
function ownSeed(crypto: Pick<CryptoProvider, 'randomBytes'>): number {
  const [low, high] = new Uint32Array(crypto.randomBytes(8).slice().buffer);
  return (high! % 2 ** 21) * 2 ** 32 + low!;
}

async function dataOf(flags: Flags, seed: number): Promise<Dataset> {
  const random = streamOf(seed, 'data');
  if (flags.data !== undefined) return (await loadData(flags.data, { random })).train;
  return drawDigits(flags.part ? SHARED_EXAMPLES : OWN_EXAMPLES, random);
}

/** Says what happens: on stdout what came of rounds, on a terminal what is waited for. */
class Teller {
  readonly #json: boolean;
  readonly #draws: boolean;

  constructor({ json }: Flags) {
    this.#json = json === true;
    this.#draws = process.stderr.isTTY === true && !this.#json;
  }

  joined({ id, info }: FederationClient): void {
    const { run, rounds } = info;
    this.say({ event: 'joined', client: id, run, rounds }, `${id} takes part in the run ${run}`);
  }

  status({ text }: ClientStatus): void {
    if (this.#draws) process.stderr.write(`\r\u001b[K${visible(text).slice(0, 100)}`);
  }

  warn(message: string): void {
    process.stderr.write(`aggregis: ${message}\n`);
  }

  say(news: object, text: string): void {
    if (this.#draws) process.stderr.write('\r\u001b[K');
    process.stdout.write(this.#json ? `${JSON.stringify(news)}\n` : `${visible(text)}\n`);
  }
}

function parseUrl(text: string): string {
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError(`It must be a URL such as http://127.0.0.1:8790, got "${text}".`);
}

function parsePart(text: string): Part {
  const [, i, n] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
  const [part, parts] = [Number(i), Number(n)];
  if (part >= 1 && part <= parts) return { part, parts };
  throw new InvalidArgumentError(`It must be such as 3/20, got "${text}".`);
}
