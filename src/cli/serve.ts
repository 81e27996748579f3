/**
 * `aggregis serve`: a coordinator for a federation, on a port of this machine.
 *
 * @module
 */

import { open, readFile, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { Backend } from '../backend/kernels.ts';
import type { Json } from '../core/canonical-json.ts';
import { counted } from '../core/counted.ts';
import { parseConfig } from '../federation/config.ts';
import { Coordinator } from '../federation/coordinator.ts';
import { AdminServer } from '../federation/http/admin.ts';
import { type LogLevel, requestLog } from '../federation/http/log.ts';
import { assertOrigin } from '../federation/http/origins.ts';
import { FederationServer, requireAddress } from '../federation/http/server.ts';
import type { RunConfig, RunConfigInput } from '../federation/run-config.ts';
import { enrolmentOf, servedProblems, servedWarnings } from '../federation/served-config.ts';
import type { LoggedEvent } from '../federation/store/chain.ts';
import { openStore, type Store } from '../federation/store/store.ts';
import { quote } from '../formats/quote.ts';
import {
  DIGITS_MODEL,
  DIGITS_TRAINING,
  readsDigits,
  writeDigitsModel,
} from '../lab/digits-task.ts';
import { createNodeCrypto } from '../secagg/crypto/create-node.ts';
import { fastestMasks } from '../secagg/masks-node.ts';
import {
  type BackendFlags,
  backendOption,
  backendOptionsOf,
  parseCount,
  parsePositive,
  parseWhole,
  threadsOption,
} from './arguments.ts';
import { Interrupted, UsageError } from './failure.ts';
import { addSinkOptions, type SinkFlags, Sinks } from './sinks.ts';
import { addTlsOptions, fingerprintTo, serverTls, type TlsFlags } from './tls-options.ts';
import { version } from './version.ts';

/** The options as commander gives them. */
interface Flags extends BackendFlags, TlsFlags, SinkFlags {
  readonly config?: string;
  readonly run: string;
  readonly resume?: true;
  readonly host?: string;
  readonly port: number;
  readonly clients?: number;
  readonly rounds?: number;
  readonly rule?: string;
  readonly optimizer?: string;
  readonly seconds?: number;
  readonly linger: number;
  readonly origin?: readonly string[];
  readonly log: LogLevel;
  readonly json?: true;
}

const DETAILS = `
Without --config, clients learn to read digits that they draw themselves: aggregis join URL takes part,
as often as you start it. Anybody who reaches the port may join such a run, and says so on stderr.

--config takes JSON, or a module whose default export is a configuration; "model" is a safetensors file, beside
it. --clients, --rounds, --rule, --optimizer and --seconds change what it says.

Everything is in the folder of the run: what was answered is there after any crash, and --resume goes on. With
Ctrl-C no further round is opened, and the server ends with the one that is open; a second Ctrl-C ends at once,
and loses nothing either.

Clients in browsers are let in by the origin of their page: --origin https://app.example, none by default.

The server speaks HTTP to this machine alone. For others, --tls-cert and --tls-key bring a certificate; or --lan
makes one, kept in the folder of the run, listens to the local network and tells its fingerprint: clients join with
--fingerprint and trust that certificate alone.

Exit codes:
  0    all rounds are done
  1    the run ended before: rounds failed one after another, or the privacy budget is spent; or the folder
       cannot be used
  2    wrong usage, or a configuration that cannot be run
  130  interrupted: --resume goes on

A stack trace is printed with AGGREGIS_DEBUG=1.`;

/** The command. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('coordinate a federation: take updates in, send models out')
    .description('Coordinates a federation: takes updates in, aggregates them, sends models out.')
    .option('--config <file>', 'what to run, JSON or a module (default: the digits task)')
    .option('--run <folder>', 'where the run is kept', 'aggregis-run')
    .option('--resume', 'go on with the run in the folder')
    .option('--host <address>', 'address to listen at (default: 127.0.0.1, with --lan 0.0.0.0)')
    .option('--port <number>', 'port, 0 for any that is free', parsePort, 8790)
    .option('--clients <count>', 'clients of a round', parseCount)
    .option('--rounds <count>', 'rounds', parseCount)
    .option('--rule <spec>', 'how to aggregate, e.g. trimmed-mean:f=2')
    .option('--optimizer <spec>', "the server's optimiser, e.g. fed-adam:eta=0.1")
    .option('--seconds <seconds>', 'how long a round collects', parsePositive)
    .option('--origin <url>', 'a page of this origin may take part; may be repeated', addOrigin)
    .option('--linger <seconds>', 'how long to answer after the last round', parseWhole, 3)
    .addOption(
      new Option('--log <level>', 'log of requests on stderr')
        .choices(['silent', 'error', 'warn', 'info', 'debug'])
        .default('silent'),
    )
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('--json', 'tell what happens as lines of JSON')
    .addHelpText('after', DETAILS)
    .action(run);
  return addSinkOptions(addTlsOptions(command));
}

async function run(flags: Flags): Promise<void> {
  const wanted = flags.resume === undefined ? await configOf(flags) : undefined;
  if (flags.resume) refuseChanges(flags);
  // Before there is a folder: what is wrong here leaves no run behind that could not be begun again.
  const model = wanted && (await modelOf(wanted));
  if (!flags.lan) await serverTls(flags, flags.run);
  const place = { host: hostOf(flags), port: flags.port };
  await requireAddress(place).catch((error: unknown) => {
    throw listenError(error, place);
  });
  await using store = await openRun(flags, wanted?.config);
  const { config } = wanted ?? parseConfig(store.config, servedProblems);
  const backend = await createBackend(flags.backend, backendOptionsOf(flags));
  try {
    await serve({ flags, store, config, backend, ...(model && { model }) });
  } finally {
    await backend.close();
  }
}

function hostOf({ host, lan }: Flags): string {
  return host ?? (lan ? '0.0.0.0' : '127.0.0.1');
}

/** What is served. */
interface Served {
  readonly flags: Flags;
  readonly store: Store;
  readonly config: RunConfig;
  readonly backend: Backend;
  readonly model?: Uint8Array;
}

async function serve({ flags, store, config, backend, model }: Served): Promise<void> {
  const tls = await serverTls(flags, flags.run);
  const teller = new Teller(flags, { store, config });
  const warn = (message: string): void => teller.warn(message);
  const sinks = await Sinks.open(flags, { store, config, warn });
  for (const message of servedWarnings(config)) warn(message);
  const crypto = await createNodeCrypto();
  let server: FederationServer | undefined;
  let admin: AdminServer | undefined;
  const coordinator = await Coordinator.open({
    store,
    config,
    crypto,
    backend,
    masks: fastestMasks(),
    enrolment: enrolmentOf(config, warn),
    onEvent: (event) => {
      server?.happened(event);
      teller.happened(event);
      sinks.happened(event);
    },
    onTrouble: (what, cause) => teller.warn(`${what}: ${String(cause)}`),
    ...(model && { model }),
  });
  try {
    server = await FederationServer.start({
      coordinator,
      crypto,
      log: requestLog(flags.log, process.stderr),
      host: hostOf(flags),
      port: flags.port,
      ...(flags.origin && { origins: flags.origin }),
      version: version(),
      ...(tls && { tls }),
    }).catch((error: unknown) => {
      throw listenError(error, { host: hostOf(flags), port: flags.port });
    });
    admin = await AdminServer.start(coordinator);
    teller.listening(server.urls, fingerprintTo(flags, tls));
    await untilOver(coordinator, { flags, teller });
  } finally {
    await admin?.stop();
    await server?.stop();
    await coordinator.close();
    await teller.close();
    await sinks.close();
    await crypto.close();
  }
}

/** Why a server does not listen, and what to do about it. */
function listenError(
  cause: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const { code = '' } = cause as NodeJS.ErrnoException;
  const why = UNHEARD[code];
  return why === undefined ? cause : new UsageError(why({ host, port }), { cause });
}

type Place = { readonly host: string; readonly port: number };

const noHost = ({ host }: Place): string =>
  `--host ${host}: is no address of this machine; the default is 127.0.0.1`;

const UNHEARD: Readonly<Record<string, (place: Place) => string>> = {
  EADDRINUSE: ({ host, port }) =>
    `port ${port} of ${host} is in use; take another with --port, or --port 0 for any that is free`,
  EACCES: ({ port }) => `port ${port} is not permitted; take another with --port, such as 8790`,
  EADDRNOTAVAIL: noHost,
  ENOTFOUND: noHost,
  EAI_AGAIN: noHost,
};

/** Ends with the run, or with an interrupt. @throws {Interrupted} */
async function untilOver(
  coordinator: Coordinator,
  { flags, teller }: { readonly flags: Flags; readonly teller: Teller },
): Promise<void> {
  const now = new AbortController();
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts++;
    coordinator.pause();
    if (interrupts > 1) now.abort();
    else teller.warn('no further round is opened; once more, and the server ends at once');
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    while (!coordinator.isFinished && interrupts === 0 && !isBroken(coordinator)) {
      await coordinator.changed();
    }
    const over = new Promise<void>((done) => {
      now.signal.addEventListener('abort', () => done(), { once: true });
    });
    if (interrupts > 0 && !coordinator.isFinished) {
      await Promise.race([coordinator.settled(), over]);
    }
    if (isBroken(coordinator)) throw coordinator.trouble;
    if (!coordinator.isFinished) {
      teller.warn(`to go on: aggregis serve --run ${quote(flags.run)} --resume`);
      throw new Interrupted();
    }
    // Clients that wait for the next round hear that there is none.
    const linger = new Promise<void>((done) => setTimeout(done, flags.linger * 1000));
    await Promise.race([linger, over]);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  const { published } = coordinator.state;
  if (published < coordinator.config.rounds) process.exitCode = 1;
}

/** Whether the log cannot be written any more by this process. */
function isBroken({ trouble }: Coordinator): boolean {
  return trouble !== undefined && trouble.code !== 'disk-full';
}

// What to run

/** A configuration, and where its model is. */
interface Wanted {
  readonly config: RunConfig;
  readonly folder: string;
}

async function configOf(flags: Flags): Promise<Wanted> {
  const { config: path, clients, rounds, rule, optimizer, seconds } = flags;
  const given = path === undefined ? digitsConfig(clients ?? 2) : await readConfig(path);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UsageError(`${path}: a configuration is an object`);
  }
  const round = {
    ...given.round,
    ...(clients !== undefined && { wanted: clients }),
    ...(seconds !== undefined && { collectSeconds: seconds }),
  };
  const input = {
    ...given,
    ...(rounds !== undefined && { rounds }),
    ...(rule !== undefined && { rule }),
    ...(optimizer !== undefined && { optimizer }),
    ...(Object.keys(round).length > 0 && { round }),
  };
  const { config } = parseConfig(input, servedProblems);
  return { config, folder: path === undefined ? '.' : dirname(path) };
}

/** The digits task, open to anybody. */
function digitsConfig(clients: number): RunConfigInput {
  return {
    name: 'digits',
    model: DIGITS_MODEL,
    rule: 'mean',
    rounds: 10,
    enrolment: { kind: 'open' },
    round: { wanted: clients, collectSeconds: 120 },
    training: DIGITS_TRAINING,
  };
}

async function readConfig(path: string): Promise<RunConfigInput> {
  if (extname(path) === '.json') {
    const text = await readFile(path, 'utf8');
    try {
      return JSON.parse(text) as RunConfigInput;
    } catch (cause) {
      throw new UsageError(`${path}: is no JSON: ${(cause as Error).message}`, { cause });
    }
  }
  // That there is such a file, and that it is none of the module's own that is missing.
  await (await open(path)).close();
  if ((await stat(path)).isDirectory()) throw new UsageError(`${path}: is a folder`);
  const module = (await import(pathToFileURL(resolve(path)).href).catch((cause: unknown) => {
    throw new UsageError(`${path}: ${(cause as Error).message}`, { cause });
  })) as { default?: unknown };
  if (module.default !== undefined) return module.default as RunConfigInput;
  throw new UsageError(`${path}: has no default export`);
}

function refuseChanges(flags: Flags): void {
  const given = (['config', 'clients', 'rounds', 'rule', 'optimizer', 'seconds'] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (given === undefined) return;
  throw new UsageError(`--${given} is for a new run; --resume goes on with what the folder says`);
}

async function openRun({ run: folder }: Flags, config: RunConfig | undefined): Promise<Store> {
  if (config === undefined) return openStore(folder, { mode: 'resume' });
  const plain = JSON.parse(JSON.stringify(config)) as { readonly [key: string]: Json };
  return openStore(folder, { mode: 'create', config: plain, now: Date.now() });
}

async function modelOf({ config, folder }: Wanted): Promise<Uint8Array> {
  if (config.model !== DIGITS_MODEL) return readFile(resolve(folder, config.model));
  const parts: Uint8Array[] = [];
  await writeDigitsModel(async (bytes) => {
    parts.push(bytes.slice());
  });
  return Buffer.concat(parts);
}

function parsePort(text: string): number {
  const port = parseWhole(text);
  if (port < 65536) return port;
  throw new InvalidArgumentError(`It must be a port, 0 to 65535, got "${text}".`);
}

function addOrigin(text: string, before: readonly string[] = []): readonly string[] {
  try {
    return [...before, assertOrigin(text)];
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
}

/** Says what happens: sentences, or lines of JSON. */
class Teller {
  readonly #flags: Flags;
  readonly #run: { readonly store: Store; readonly config: RunConfig };
  /** What is being said, in order. */
  #turn: Promise<void> = Promise.resolve();

  constructor(flags: Flags, run: { readonly store: Store; readonly config: RunConfig }) {
    this.#flags = flags;
    this.#run = run;
  }

  listening([url = '', ...others]: readonly string[], fingerprint?: string): void {
    const { store, config } = this.#run;
    const what = `${counted(config.rounds, 'round')}, ${config.rule}, ${config.optimizer}`;
    const trust = fingerprint === undefined ? {} : { fingerprint };
    const lines = [
      `${url}  run ${store.run} in ${quote(this.#flags.run)}: ${what}`,
      ...others.map((other) => `${other}  the same`),
      ...(fingerprint === undefined
        ? []
        : [`fingerprint ${fingerprint}`, `  aggregis join ${url} --fingerprint ${fingerprint}`]),
    ];
    this.#say(
      {
        event: 'listening',
        url,
        ...(others.length > 0 && { others }),
        run: store.run,
        folder: this.#flags.run,
        ...trust,
      },
      lines.join('\n'),
    );
  }

  warn(message: string): void {
    process.stderr.write(`aggregis: ${message}\n`);
  }

  happened({ type, body }: LoggedEvent): void {
    switch (type) {
      case 'round.opened': {
        const clients = (body.selected as readonly string[]).length;
        this.#say(
          { event: 'open', round: body.round, clients, deadline: body.deadline },
          `round ${body.round}: open, ${counted(clients, 'client')}`,
        );
        break;
      }
      case 'round.published':
        this.#turn = this.#turn.then(() => this.#published(body));
        break;
      case 'round.failed':
        this.#say(
          { event: 'failed', round: body.round, code: body.code, reason: body.reason },
          `round ${body.round}: failed, ${body.code}: ${body.reason}`,
        );
        break;
      case 'run.finished':
        this.#say({ event: 'finished', reason: body.reason }, `the run is over: ${body.reason}`);
        break;
      default:
    }
  }

  /** When all is said. */
  async close(): Promise<void> {
    await this.#turn;
  }

  async #published({ round, model }: LoggedEvent['body']): Promise<void> {
    const accuracy = await this.#accuracyOf(String(model));
    const figure =
      accuracy === undefined ? '' : `, reads ${(100 * accuracy).toFixed(1)} % of digits`;
    this.#write(
      { event: 'published', round, model, ...(accuracy !== undefined && { accuracy }) },
      `round ${round}: model ${String(model).slice(0, 12)}${figure}`,
    );
  }

  /** Of the digits task; what cannot be read is not told of. */
  async #accuracyOf(model: string): Promise<number | undefined> {
    const { store, config } = this.#run;
    if (config.model !== DIGITS_MODEL) return undefined;
    await using source = await store.blobs.open(model);
    return (await readsDigits(source)).accuracy;
  }

  #say(news: object, text: string): void {
    this.#turn = this.#turn.then(() => this.#write(news, text));
  }

  #write(news: object, text: string): void {
    process.stdout.write(this.#flags.json ? `${JSON.stringify(news)}\n` : `${text}\n`);
  }
}
