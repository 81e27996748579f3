/**
 * `aggregis bench`: what rules take on this machine, and what others' code takes beside them.
 *
 * @module
 */

import { existsSync, readFileSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { BackendName } from '../backend/kernels.ts';
import { writeFileAtomic } from '../formats/node-files.ts';
import { measureBandwidth } from '../lab/bench/bandwidth.ts';
import {
  type Bench,
  open,
  type Question,
  type Settings,
  type Shape,
  type Timing,
} from '../lab/bench/bench.ts';
import { chartsOf } from '../lab/bench/charts.ts';
import { checksOf } from '../lab/bench/checks.ts';
import { codecTimes } from '../lab/bench/codec.ts';
import { crossover } from '../lab/bench/crossover.ts';
import { fileTimes } from '../lab/bench/files.ts';
import { peakBytes, thisMachine } from '../lab/bench/machine.ts';
import { maskTimes } from '../lab/bench/masks.ts';
import { noiseTimes } from '../lab/bench/noise.ts';
import type { Ratio } from '../lab/bench/ratios.ts';
import {
  checkTable,
  distanceLine,
  headOf,
  isWrong,
  type Report,
  ratioTable,
  timingTable,
} from '../lab/bench/report.ts';
import { ruleTimes, sumTimes, threadScaling } from '../lab/bench/rules.ts';
import { secaggTimes } from '../lab/bench/secagg/secagg.ts';
import { WARM_UPS } from '../lab/bench/stopwatch.ts';
import { subject } from '../lab/bench/subjects.ts';
import { together } from '../lab/bench/together.ts';
import { measureRatios } from '../lab/bench/versus.ts';
import { parseBytes, parseCount, parsePositive, parseThreads, parseWhole } from './arguments.ts';
import { EXIT_CODES, UsageError } from './failure.ts';
import { interruptible } from './interruptible.ts';

/** The options as commander gives them. */
interface Flags {
  readonly only?: readonly string[];
  readonly rules?: readonly string[];
  readonly shapes?: readonly Shape[];
  readonly backends?: readonly BackendName[];
  readonly threads?: readonly (number | 'all')[];
  readonly files?: Shape;
  readonly memory?: number;
  readonly rounds?: number;
  readonly seconds: number;
  readonly seed: number;
  readonly peers?: true;
  readonly quick?: true;
  readonly json?: true | string;
  readonly svg?: string;
}

const BACKENDS: readonly BackendName[] = ['reference', 'wasm', 'webgpu'];
const QUESTIONS = [
  'rules',
  'threads',
  'together',
  'sums',
  'noise',
  'masks',
  'codec',
  'files',
  'crossover',
  'secagg',
  'peers',
] as const;

const FULL: { shapes: Shape[]; files: Shape; memory: number; rounds: number } = {
  shapes: [
    { n: 32, d: 1_000_000 },
    { n: 100, d: 100_000 },
  ],
  files: { n: 16, d: 1_000_000 },
  memory: 2 ** 29,
  rounds: 7,
};
const QUICK: typeof FULL = {
  shapes: [{ n: 8, d: 4096 }],
  files: { n: 4, d: 65_536 },
  memory: 2 ** 26,
  rounds: 2,
};

/** Others' code. It comes with the package, beside the sources. */
const PEER_SCRIPT = fileURLToPath(new URL('../../bench/peers/strong.py', import.meta.url));

const DETAILS = `
Questions, for --only:
  rules      each rule, on rows that are resident, and from arrays to the result with the screen
  threads    sorting rules with 1, 2, 4, … threads
  together   five rules by one call, and by five
  sums       means against the memory's own bandwidth
  noise      noise on the integers, of one, two and three draws, also on one thread
  masks      masks of secure aggregation, by others' ChaCha20 and ours
  codec      updates of secure aggregation, rounded, packed and read back
  files      files under --memory, against reading them and against the same rule in memory
  secagg     rounds of secure aggregation, by the parts of their time; only where asked for
  crossover  from which n and d on a GPU is faster than the CPU
  peers      NumPy, PyTorch, ByzFL and Flower beside it, as --peers

Without --backends: wasm, and a hardware GPU if there is one; else the reference. With --quick, the
reference and wasm. An emulated GPU is timed only where webgpu is asked for by name.

GB/s counts the updates once and the result once; "of copy" is its share of a copy's bandwidth on one
thread, bytes read and written. Things that are compared take turns, round by round; no rule takes part
for longer than --seconds, but once it always runs. --threads is for wasm alone.

--peers asks the Python that AGGREGIS_PYTHON names, else the first on the path that imports NumPy, on
the same rows. ByzFL and Flower are taken from checkouts below the folder that PEERS
names. The exit code is 1 if a result differs from another where definitions agree; a factor or limit
that is missed is only marked: on a machine that does other work besides, some are.
`;

/** The command. */
export function benchCommand(): Command {
  return new Command('bench')
    .summary('time rules on the backends of this machine, and others beside them')
    .description('Times rules on the backends of this machine, and others beside them.')
    .argument('[questions...]', 'the same as --only', addQuestion)
    .option('--only <questions...>', 'ask these alone', among(QUESTIONS))
    .option('--rules <spec...>', 'rules instead of all, e.g. median trimmed-mean:f=3')
    .option('--shapes <n×d...>', 'rows × columns, e.g. 32x1000000 100x1e5', addShape)
    .option('--backends <name...>', `where to compute: ${BACKENDS.join(', ')}`, among(BACKENDS))
    .option('--threads <count...>', 'numbers of threads, or all (default: all)', addThreads)
    .option('--files <n×d>', 'how many files of how many entries', parseShape)
    .option('--memory <size>', 'what tiles may take at once', parseBytes)
    .option('--rounds <count>', 'runs of each thing after the warm-up', parseCount)
    .option('--seconds <s>', 'after so many, a thing is not run again', parsePositive, 10)
    .option('--seed <n>', 'fixes the data', parseWhole, 1)
    .option('--peers', 'time NumPy, PyTorch, ByzFL and Flower beside it')
    .option('--quick', 'small sizes: does everything run?')
    .option('--json [file]', 'write the figures to a file; without one, print them as JSON')
    .option('--svg <file>', 'draw charts into a file')
    .addHelpText('after', DETAILS + EXIT_CODES)
    .action(run);
}

/** `32x1000000`, `32×1e6` */
export function parseShape(text: string): Shape {
  const found = /^(\d{1,7})[x×](\d{1,10}(?:e\d)?)$/.exec(text);
  const [n, d] = [Number(found?.[1]), Number(found?.[2])];
  if (!(n >= 1 && d >= 1 && Number.isSafeInteger(4 * n * d))) {
    throw new InvalidArgumentError(`It must be rows × columns such as 32x1000000, got "${text}".`);
  }
  return { n, d };
}

function addShape(text: string, before: readonly Shape[] = []): Shape[] {
  return [...before, ...text.split(',').map(parseShape)];
}

/** Words out of a few, apart by spaces or commas. */
function among<T extends string>(words: readonly T[]): (text: string, before?: T[]) => T[] {
  return (text, before = []) => {
    const found = text.split(',').map((word) => {
      if (words.includes(word as T)) return word as T;
      throw new InvalidArgumentError(`Allowed choices are ${words.join(', ')}, got "${word}".`);
    });
    return [...before, ...found];
  };
}

function addQuestion(text: string, before: readonly string[] = []): readonly string[] {
  if (QUESTIONS.some((name) => name === text)) return [...before, text];
  throw new InvalidArgumentError(`There are too many arguments, or "${text}" is no question.`);
}

function addThreads(
  text: string,
  before: readonly (number | 'all')[] = [],
): readonly (number | 'all')[] {
  const counts = text.split(',');
  return [...before, ...counts.map((count) => (count === 'all' ? count : parseThreads(count)))];
}

async function run(questions: readonly string[], given: Flags): Promise<void> {
  const only = [...(given.only ?? []), ...questions];
  const flags = only.length === 0 ? given : { ...given, only };
  for (const spec of flags.rules ?? []) subject(spec);
  const peers = flags.peers === true || flags.only?.includes('peers') === true;
  if (peers && !existsSync(PEER_SCRIPT)) {
    throw new UsageError('--peers needs bench/peers/strong.py beside the sources');
  }
  for (const file of [flags.json, flags.svg]) {
    if (typeof file !== 'string') continue;
    if (!existsSync(dirname(file))) throw new UsageError(`${file}: no such folder`);
    if (existsSync(file) && statSync(file).isDirectory())
      throw new UsageError(`${file}: is a folder`);
  }
  const report = await interruptible((signal) => measured(flags, { peers, signal }));
  const text = `${JSON.stringify(report, null, 1)}\n`;
  if (flags.json === true) process.stdout.write(text);
  else if (flags.json !== undefined) await writeText(flags.json, text);
  if (flags.svg !== undefined) await writeText(flags.svg, `${chartsOf(report)}\n`);
  if (isWrong(report) || isEmpty(report)) process.exitCode = 1;
}

function isEmpty({ timings, ratios = [] }: Report): boolean {
  return ![...timings, ...ratios].some((one) => 'seconds' in one || 'ratio' in one);
}

async function writeText(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, (append) => append(new TextEncoder().encode(text)));
}

async function measured(
  flags: Flags,
  { peers, signal }: { peers: boolean; signal: AbortSignal },
): Promise<Report> {
  const print = (text: string): void => {
    if (flags.json !== true) process.stdout.write(`${text}\n\n`);
  };
  const settings = await settingsOf(flags, signal);
  const started = new Date().toISOString();
  const machine = thisMachine();
  const load = loadavg()[0];
  const bandwidth = await measureBandwidth(
    { ...settings.repeats, seconds: 3 },
    flags.quick ? 2 ** 24 : undefined,
  );
  const timings: Timing[] = [];
  const head = {
    aggregis: version(),
    started,
    machine,
    ...(load !== undefined && { load }),
    seed: flags.seed,
    warmUps: WARM_UPS,
    rounds: settings.repeats.rounds,
    quick: settings.quick,
    bandwidth,
    timings,
  };
  print(headOf(head));
  const watch = progressOn(process.stderr);
  const bench: Bench = {
    settings,
    createBackend,
    bandwidth,
    record(timing) {
      timings.push(timing);
      watch.show(`${timing.question}: ${timing.what}, ${timing.backend}`);
    },
  };
  try {
    for (const question of questionsOf(flags)) {
      const before = timings.length;
      await question.ask(bench);
      watch.clear();
      const table = timings.slice(before);
      if (table.length === 0) continue;
      print(question.table?.(table) ?? timingTable(question, table, bandwidth));
    }
    // What is required is required at full size.
    const checks = settings.quick ? [] : checksOf(timings, bandwidth);
    if (checks.length > 0) print(`Are limits kept?\n${checkTable(checks)}`);
    const versus = peers ? await rivalry(bench, { print, watch }) : {};
    return { ...head, checks, ...versus, peakBytes: peakBytes() };
  } finally {
    watch.clear();
  }
}

async function settingsOf(flags: Flags, signal: AbortSignal): Promise<Settings> {
  const cores = thisMachine().cores;
  const size = flags.quick ? QUICK : FULL;
  const threads = (flags.threads ?? ['all']).map((count) => (count === 'all' ? cores : count));
  const settings: Settings = {
    ...(flags.rules && { rules: flags.rules }),
    shapes: flags.shapes ?? size.shapes,
    backends: flags.backends ?? [],
    threads: [...new Set(threads)],
    cores,
    repeats: { rounds: flags.rounds ?? size.rounds, seconds: flags.seconds, signal },
    seed: flags.seed,
    ...(flags.memory !== undefined && { memory: flags.memory }),
    quick: flags.quick === true,
  };
  return flags.backends ? settings : { ...settings, backends: await backendsHere(settings) };
}

/** What is worth timing here, where nobody said. */
async function backendsHere(settings: Settings): Promise<BackendName[]> {
  const found: BackendName[] = settings.quick ? ['reference'] : [];
  for (const name of ['wasm', 'webgpu'] as const) {
    if (name === 'webgpu' && settings.quick) continue;
    const opened = await open({ createBackend, settings }, { name });
    if (typeof opened === 'string') continue;
    await opened.backend.close();
    if (!opened.place.emulated) found.push(name);
  }
  return found.length === 0 ? ['reference'] : found;
}

function questionsOf(flags: Flags): Question[] {
  const size = flags.quick ? QUICK : FULL;
  const files = {
    ...(flags.files ?? size.files),
    memory: flags.memory ?? size.memory,
    command: [process.execPath, ...process.execArgv, process.argv[1]!],
  };
  const all = [
    ruleTimes,
    threadScaling,
    together,
    sumTimes,
    noiseTimes,
    maskTimes,
    codecTimes,
    fileTimes(files),
    crossover,
  ];
  if (flags.only === undefined) return all;
  // Minutes more, and of no rule: only for those who ask for it.
  return [...all, secaggTimes].filter(({ name }) => flags.only?.includes(name));
}

async function rivalry(
  bench: Bench,
  { print, watch }: { print: (text: string) => void; watch: ReturnType<typeof progressOn> },
): Promise<Pick<Report, 'ratios' | 'rivals'>> {
  const ratios: Ratio[] = [];
  const rivals = await measureRatios(bench, {
    interpreter: process.env.AGGREGIS_PYTHON,
    script: PEER_SCRIPT,
    onRatio(ratio) {
      ratios.push(ratio);
      watch.show(`peers: ${ratio.work} against ${ratio.theirs}`);
    },
  });
  watch.clear();
  if ('problem' in rivals) {
    print(`Nobody to compare with: ${rivals.problem}`);
    return { rivals };
  }
  const { interpreter, python, numpy, torch, missing } = rivals;
  const who = `${interpreter} (Python ${python}, NumPy ${numpy}, PyTorch ${torch ?? 'none'})`;
  const title = `How much faster than others? ${who}`;
  print([title, ...missing, ratioTable(ratios), distanceLine(rivals)].join('\n'));
  return { rivals, ratios };
}

/** Rewrites one line of a terminal; silent where the stream is none. */
function progressOn(stream: NodeJS.WriteStream): { show(text: string): void; clear(): void } {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  return {
    show: (text) => void stream.write(`\r\u001b[K${text.slice(0, (stream.columns ?? 80) - 1)}`),
    clear: () => void stream.write('\r\u001b[K'),
  };
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
