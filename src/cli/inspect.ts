/**
 * `aggregis inspect`: which of some model files are unlike what honest clients send, and why.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import type { ClientInspection, Inspection } from '../analysis/inspect.ts';
import { inspectWith } from '../analysis/inspect.ts';
import { type InspectFilesOptions, inspectFilesWith } from '../analysis/inspect-files.ts';
import { type Memories, readMemories, writeMemories } from '../analysis/memory.ts';
import type { CreateBackend } from '../backend/create.ts';
import { createBackend } from '../backend/create-node.ts';
import { show } from '../core/assert.ts';
import { createRandom } from '../core/random.ts';
import { matches } from '../formats/layout.ts';
import { replacedBy, writeFileAtomic } from '../formats/node-files.ts';
import { visible } from '../formats/quote.ts';
import {
  addPolicy,
  type BackendFlags,
  backendOption,
  backendOptionsOf,
  type PatternPolicy,
  parseBytes,
  parsePositive,
  parseWhole,
  threadsOption,
} from './arguments.ts';
import { EXIT_CODES, UsageError } from './failure.ts';
import { interruptible } from './interruptible.ts';
import { progressBar } from './progress.ts';

/** The options as commander gives them. */
interface Flags extends BackendFlags {
  readonly base?: string;
  readonly f?: number;
  readonly step?: string;
  readonly root?: string;
  readonly history?: string;
  readonly preset: 'calibrated' | 'article';
  readonly maxNorm?: number;
  readonly tensors?: readonly PatternPolicy[];
  readonly memory?: number;
  readonly strict?: true;
  readonly json?: true;
}

const PRESETS = ['calibrated', 'article'] as const;

const DETAILS = `
FILES are safetensors or npy, one for each client; with --base they are full models, else differences.
They are screened as "aggregate" does it, and nothing is written but the history. Each detector gives
every update a score and how far out that is; all of them together give one score, of which 1 is what
honest clients hardly ever exceed, however unlike their data are. What is above is suspected, with the
reason that weighs most. How often that is wrong, and which attacks are not seen at all, stands in
docs/detection.md.

With --history, what was sent before counts as well: FILE holds a few numbers and a sketch for each
client, of one size whatever the model's, and is written anew. Keep it from clients. The first time,
the file may be missing.

--preset article adds the scores of a much copied article, for comparison; it needs --base.

With --strict, the exit code is 1 if an update is suspected or excluded.
`;

/** The command. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .summary('tell which model files are unlike what honest clients send')
    .description('Tells which model files are unlike what honest clients send, and why.')
    .argument('<files...>', 'one file for each client')
    .option('--base <file>', 'the model that the files are full models of')
    .option(
      '--f <n>',
      'how many clients may be Byzantine (default: as many as n admits)',
      parseWhole,
    )
    .option('--step <file>', 'the model after its last step, or the step')
    .option('--root <file>', 'a model or update of your own, from data that you trust')
    .option('--history <file>', 'what is remembered of clients; read, and written anew')
    .option('--preset <name>', `${PRESETS.join(' or ')}`, parsePreset, 'calibrated')
    .option('--max-norm <norm>', 'exclude updates of a larger norm', parsePositive)
    .option('--tensors <pattern=policy>', 'aggregate, copy-from-base, mean or exclude', addPolicy)
    .option('--memory <size>', 'what tiles may take at once (default: 1GiB)', parseBytes)
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('--strict', 'exit with 1 if an update is suspected or excluded')
    .option('--json', 'print all findings as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES)
    .action(run);
}

function parsePreset(text: string): Flags['preset'] {
  const found = PRESETS.find((preset) => preset === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It must be ${PRESETS.join(' or ')}, got "${text}".`);
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  if (flags.preset === 'article' && flags.base === undefined) {
    throw new UsageError('--preset article needs --base, the global model');
  }
  const inspection = await interruptible((signal) => inspected(files, { flags, signal }));
  const text = flags.json
    ? `${JSON.stringify(outcomeOf(inspection))}\n`
    : tableOf(inspection, { article: flags.preset === 'article' });
  process.stdout.write(text);
  const isClean = inspection.clients.every(isFine);
  if (flags.strict && !isClean) process.exitCode = 1;
}

function isFine({ suspected, verdict }: ClientInspection): boolean {
  return !suspected && verdict !== 'excluded';
}

async function inspected(
  files: readonly string[],
  { flags, signal }: { flags: Flags; signal: AbortSignal },
): Promise<Inspection> {
  const { history, preset, tensors, threads: _, strict: __, json: ___, ...options } = flags;
  const known = history === undefined ? undefined : await knownFrom(history, files);
  const bar = progressBar(process.stderr);
  const make: CreateBackend = (choice, more) =>
    createBackend(choice, { ...more, ...backendOptionsOf(flags) });
  const inspectFiles = inspectFilesWith(inspectWith(make));
  const settings: InspectFilesOptions = {
    ...options,
    ...known,
    article: preset === 'article',
    ...(tensors && {
      policies: ({ name }) => tensors.find(({ pattern }) => matches(name, pattern))?.policy,
    }),
    signal,
    onProgress: bar.show,
  };
  try {
    const inspection = await inspectFiles(files, settings);
    if (history !== undefined) await keep(history, { ...known!, inspection });
    return inspection;
  } finally {
    bar.clear();
  }
}

/** What the file holds, or a new sketch under a seed that nobody knows. */
async function knownFrom(path: string, files: readonly string[]): Promise<Memories> {
  if ((await replacedBy(path, files)) !== undefined) {
    throw new UsageError(`--history must be a file of its own, got ${show(path)}`);
  }
  try {
    return readMemories(path, await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const seed = createRandom(crypto.getRandomValues(new Uint8Array(32))).uint32();
    return { sketch: { seed }, memories: new Map() };
  }
}

async function keep(
  path: string,
  { sketch, memories, inspection }: Memories & { readonly inspection: Inspection },
): Promise<void> {
  const next = new Map([...memories, ...(inspection.memories ?? [])]);
  const text = writeMemories({ sketch, memories: next });
  await writeFileAtomic(path, (append) => append(new TextEncoder().encode(text)));
}

/** The stable shape of `--json`. */
function outcomeOf({ memories: _, clients, backend, ...rest }: Inspection): object {
  return {
    ...rest,
    backend: backend.name,
    adapter: backend.adapter,
    clients: clients.map(({ client, fingerprint: _, ...found }) => ({ name: client, ...found })),
  };
}

function tableOf(inspection: Inspection, { article }: { article: boolean }): string {
  const { clients, detectors, rows, cols, f, backend } = inspection;
  const heads = article ? ['krum', 'cosine', 'magnitude', 'history', 'combined'] : [...detectors];
  const lines = clients.map((client) => [
    visible(client.client),
    client.verdict === 'excluded' ? 'excluded' : client.suspected ? 'SUSPECTED' : 'fine',
    client.verdict === 'excluded' ? '' : client.score.toFixed(2),
    ...(article ? articleCells(client) : findingCells(client, detectors)),
  ]);
  const notes = clients.flatMap(({ client, reason, reasons, verdict }) => {
    const all = [...(reason === undefined ? [] : [reason]), ...reasons];
    return all.length === 0 && verdict === 'accepted'
      ? []
      : [`  ${visible(client)}: ${visible(all.join('; '))}`];
  });
  return [
    ...aligned([['client', 'verdict', 'score', ...heads], ...lines]),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
    `${clients.filter(({ suspected }) => suspected).length} of ${rows} updates of ${cols} entries are suspected ` +
      `(f = ${f}, ${backend.name}); cells are deviations over their thresholds`,
    '',
  ].join('\n');
}

/** How far out each detector finds the update, in units of its threshold. */
function findingCells({ findings }: ClientInspection, detectors: readonly string[]): string[] {
  return detectors.map((name) => {
    const found = findings.find(({ detector }) => detector === name);
    if (found === undefined) return '–';
    return `${(found.deviation / found.threshold).toFixed(2)}${found.fired ? ' !' : ''}`;
  });
}

function articleCells({ article }: ClientInspection): string[] {
  if (article === undefined) return [];
  const { krum, cosine, magnitude, historyAbs, combinedAbs } = article;
  return [krum, cosine, magnitude, historyAbs, combinedAbs].map((value) => value.toPrecision(3));
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
