/**
 * `aggregis report`: a run as one HTML file, its models, its events; and whether it is what it says.
 *
 * The run is only read, so that all of this works while a server has it open.
 *
 * @module
 */

import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { Backend, BackendName } from '../backend/kernels.ts';
import { counted } from '../core/counted.ts';
import { StoreError } from '../core/errors.ts';
import { parseConfig } from '../federation/config.ts';
import type { RunConfig } from '../federation/run-config.ts';
import { historyOf, type RunHistory } from '../federation/run-history.ts';
import { type RunReader, readRun } from '../federation/store/run-reader.ts';
import { verifyRun } from '../federation/verify/verify.ts';
import { eventFileHead, scalarRecord } from '../formats/event-file.ts';
import { writeFileAtomic } from '../formats/node-files.ts';
import { quote, visible } from '../formats/quote.ts';
import { runPage } from '../lab/run-report/page.ts';
import { scalarsOf } from '../lab/run-report/series.ts';
import {
  type Audience,
  type RunSummary,
  showsClients,
  summaryOf,
} from '../lab/run-report/summary.ts';
import { createNodeCrypto } from '../secagg/crypto/create-node.ts';
import {
  type BackendFlags,
  backendOption,
  backendOptionsOf,
  parseCount,
  threadsOption,
} from './arguments.ts';
import { UsageError } from './failure.ts';
import { evaluator } from './run-figures.ts';

/** The options as commander gives them. */
interface Flags extends BackendFlags {
  readonly out?: string;
  readonly public?: true;
  readonly verify?: true;
  readonly json?: true;
  readonly ndjson?: true;
  readonly tensorboard?: string;
  readonly model?: string;
  readonly round?: number;
}

const DETAILS = `
RUN is the folder of a run. It is read and never changed: its server may go on meanwhile.

Without options, RUN/report.html is written: accuracy where the task is known, ε, distances and scores of
updates, trust in clients, who took part, and how long it took. It is for the operator. With --public it holds no
figure of a client, and where updates are private nothing but ε and figures of models that hold noise.

--verify reads all of it again: the chain of events, files by their hashes, signatures by the keys of their
time, models made anew from their updates on the backend that made them, bit for bit, and the privacy ledger.

Exit codes:
  0    done; all checks hold
  1    a check fails, or the folder cannot be used
  2    wrong usage
  130  interrupted

A stack trace is printed with AGGREGIS_DEBUG=1.`;

/** The command. */
export function reportCommand(): Command {
  return new Command('report')
    .summary('show what happened in a run, and verify it')
    .description('Shows what happened in the run of a folder, and verifies it.')
    .argument('<run>', 'folder of the run')
    .option(
      '--out <file>',
      'where the HTML file goes (default: report.html in the folder of the run)',
    )
    .option('--public', 'for others than the operator of the run')
    .option('--verify', 'check everything that can be checked, one line for each')
    .option('--json', 'print figures, or results of checks, as JSON')
    .option('--ndjson', 'print the events of the run, a line of JSON for each')
    .option('--tensorboard <folder>', 'write figures of rounds there, for TensorBoard')
    .option('--model <file>', 'write a published model there, as safetensors')
    .option('--round <n>', 'with --model: of which round (default: the latest)', parseCount)
    .addOption(backendOption('with --verify: where to compute, if the run does not say'))
    .addOption(threadsOption())
    .addHelpText('after', DETAILS)
    .action(run);
}

async function run(folder: string, flags: Flags): Promise<void> {
  checkFlags(flags);
  await using reader = await readRun(folder);
  if (flags.ndjson) return printEvents(reader);
  if (flags.verify) return verify(reader, flags);
  const { config } = parseConfig(await reader.config());
  if (flags.model !== undefined) return writeModel(reader, { config, flags, to: flags.model });
  const audience: Audience = flags.public || config.reports.public ? 'public' : 'operator';
  const history = await historyOf(reader, config, { figures: true });
  const summary = await summaryOf(history, { audience, evaluate: evaluator(reader, config) });
  if (flags.tensorboard !== undefined) return writeBoard(flags.tensorboard, { history, summary });
  if (flags.json) {
    await print(`${JSON.stringify(jsonOf(history, summary), undefined, 2)}\n`);
    if (flags.out === undefined) return;
  }
  const out = flags.out ?? join(folder, 'report.html');
  await writeFileAtomic(out, (append) => append(Buffer.from(runPage(history, summary), 'utf8')));
  // What it says of clients is for whoever runs the federation.
  if (audience === 'operator') await chmod(out, 0o600);
  if (!flags.json) await print(`${quote(out)}: ${sentence(summary)}\n`);
}

function checkFlags(flags: Flags): void {
  const { public: isPublic, verify: checks, ndjson, model, round, out, tensorboard } = flags;
  const modes = Object.entries({
    '--verify': checks,
    '--ndjson': ndjson,
    '--model': model,
    '--tensorboard': tensorboard,
  });
  const asked = modes.flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (asked.length > 1) throw new UsageError(`${asked[0]} does not go with ${asked[1]}`);
  const [mode] = asked;
  if (mode !== undefined && out !== undefined)
    throw new UsageError(`--out does not go with ${mode}`);
  if (mode !== undefined && mode !== '--tensorboard' && isPublic) {
    throw new UsageError(`--public does not go with ${mode}`);
  }
  if (round !== undefined && model === undefined) throw new UsageError('--round goes with --model');
}

// Figures

/** The summary, with clients where they may be told of. */
function jsonOf(history: RunHistory, summary: RunSummary): object {
  if (!showsClients(history, summary.audience)) return summary;
  const rounds = summary.rounds.map((round, i) => {
    const { outcomes, excluded, refusals, figures, trust } = history.rounds[i]!;
    const members = [...outcomes].map(([client, outcome]) => ({
      client,
      outcome,
      ...(excluded.has(client) && { reason: excluded.get(client) }),
      ...figures.get(client),
      trust: trust.get(client) ?? 1,
    }));
    return { ...round, members, refusals };
  });
  return { ...summary, rounds, clients: history.clients };
}

function sentence({ rounds, planned, finished }: RunSummary): string {
  const published = rounds.filter(({ outcome }) => outcome === 'published').length;
  const end = finished === undefined ? 'the run goes on' : finished;
  return `${published} of ${counted(planned, 'round')} published, ${end}`;
}

async function writeBoard(
  folder: string,
  { history, summary }: { readonly history: RunHistory; readonly summary: RunSummary },
): Promise<void> {
  const seconds = Math.floor(history.begun / 1000);
  const parts = [eventFileHead(seconds)];
  history.rounds.forEach(({ times }, i) => {
    if (times.over === undefined) return;
    parts.push(scalarRecord(scalarsOf(summary.rounds[i]!, times.over)));
  });
  await mkdir(folder, { recursive: true });
  const path = join(folder, `events.out.tfevents.${seconds}.${history.run}`);
  await writeFileAtomic(path, (append) => append(Buffer.concat(parts)));
  if (summary.audience === 'operator') await chmod(path, 0o600);
  await print(`${quote(path)}: ${sentence(summary)}\n`);
}

// Events and models

async function printEvents(reader: RunReader): Promise<void> {
  for await (const event of reader.events()) await print(`${JSON.stringify(event)}\n`);
}

async function writeModel(
  reader: RunReader,
  { config, flags, to }: { readonly config: RunConfig; readonly flags: Flags; readonly to: string },
): Promise<void> {
  const { rounds } = await historyOf(reader, config, { figures: false });
  const published = rounds.filter(({ model }) => model !== undefined);
  const { round } = flags;
  const found =
    round === undefined ? published.at(-1) : published.find((one) => one.round === round);
  if (found === undefined) {
    const what = round === undefined ? 'no round has' : `round ${round} has not`;
    throw new StoreError('missing', `${reader.folder}: ${what} published a model`);
  }
  await reader.blobs.verify(found.model!);
  await using source = await reader.blobs.open(found.model!);
  await writeFileAtomic(to, async (append) => {
    for (let at = 0; at < source.size; at += PIECE) {
      await append(await source.read(at, Math.min(source.size, at + PIECE)));
    }
  });
  const news = { round: found.round, model: found.model, file: to };
  const text = `${quote(to)}: the model of round ${found.round}, ${found.model}`;
  await print(`${flags.json ? JSON.stringify(news) : text}\n`);
}

/** Bytes of a model that are copied at one time. */
const PIECE = 2 ** 20;

// Checks

async function verify(reader: RunReader, flags: Flags): Promise<void> {
  const backends = new Map<BackendName | 'chosen', Backend>();
  const crypto = await createNodeCrypto();
  const backendOf = async (name: BackendName | undefined): Promise<Backend> => {
    const key = name ?? 'chosen';
    const known = backends.get(key);
    if (known !== undefined) return known;
    const made = await createBackend(name ?? flags.backend, backendOptionsOf(flags));
    backends.set(key, made);
    return made;
  };
  try {
    let fails = 0;
    for await (const result of verifyRun(reader, { crypto, backendOf })) {
      const { check, ok, text } = result;
      const line = `${ok ? 'ok  ' : 'FAIL'}  ${check.padEnd(10)}  ${visible(text)}`;
      await print(`${flags.json ? JSON.stringify(result) : line}\n`);
      if (!ok) fails++;
    }
    if (fails > 0) process.exitCode = 1;
  } finally {
    for (const backend of backends.values()) await backend.close();
    await crypto.close();
  }
}

/** Prints; a reader that is slow is waited for. */
async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((done) => process.stdout.once('drain', done));
}
