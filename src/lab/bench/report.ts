/**
 * What a benchmark found, as data and as tables of text.
 *
 * @module
 */

import type { Bandwidth } from './bandwidth.ts';
import { hasThreads, type Question, type Timing } from './bench.ts';
import type { Check } from './checks.ts';
import type { Ratio, RivalFacts } from './ratios.ts';
import { DISTANCES_RIGHT } from './ratios.ts';
import type { Spread } from './statistics.ts';

/** Everything that was measured, with what it takes to measure it again. */
export interface Report {
  readonly aggregis: string;
  /** When it began, ISO 8601. */
  readonly started: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly platform: string;
    readonly runtime: string;
  };
  /** Runs on the machine besides this, by the system's own average over a minute, at the start. */
  readonly load?: number;
  readonly seed: number;
  readonly warmUps: number;
  readonly rounds: number;
  readonly quick: boolean;
  readonly bandwidth: Bandwidth;
  readonly timings: readonly Timing[];
  /** Limits that the timings are held to. */
  readonly checks: readonly Check[];
  /** With others beside it: who they are, or why there are none. */
  readonly rivals?: RivalFacts | { readonly problem: string };
  readonly ratios?: readonly Ratio[];
  /** Largest resident memory of the benchmark's own process, in bytes. */
  readonly peakBytes: number;
}

/** The head of the tables: machine, backends, and how times were taken. */
export function headOf(report: Omit<Report, 'peakBytes' | 'checks'>): string {
  const { machine, bandwidth, seed, warmUps, rounds, quick, load } = report;
  const { cpu, cores, memoryGiB, platform, runtime } = machine;
  const read = bandwidth.read === undefined ? '' : `, read ${gigabytes(bandwidth.read)} GB/s`;
  const size = `${Math.round(bandwidth.bytes / 2 ** 20)} MiB`;
  return [
    `aggregis ${report.aggregis}, ${runtime}, ${platform}, ${cpu}, ${cores} threads, ${memoryGiB} GiB`,
    `memory on one thread, arrays of ${size}: copy ${gigabytes(bandwidth.copy)} GB/s (read + written)${read}`,
    `f32, seed ${seed}, up to ${warmUps} warm-ups, medians of up to ${rounds} rounds` +
      (load === undefined ? '' : `, load ${load.toFixed(1)} at the start`),
    ...(quick ? ['quick: small sizes, to see that everything runs; times say little'] : []),
  ].join('\n');
}

const TIMING_HEAD = [
  'rule',
  'n × d',
  'backend',
  'data',
  'median',
  'min – max',
  'GB/s',
  'of copy',
  'peak',
  'kernels',
];

/** The table of one question. */
export function timingTable(
  { asks }: Pick<Question, 'asks'>,
  timings: readonly Timing[],
  bandwidth: Bandwidth,
): string {
  const rows = timings.map((timing) => timingRow(timing, bandwidth));
  return [asks, ...aligned([TIMING_HEAD, ...rows])].join('\n');
}

function timingRow(timing: Timing, measured: Bandwidth): string[] {
  const { what, n, d, mode, seconds, bandwidth = 0, peakBytes, peakTileBytes, problem } = timing;
  const { copy = measured.copy } = timing;
  const head = [what, `${n} × ${grouped(d)}`, placeOf(timing), mode];
  if (seconds === undefined) return [...head, problem ?? 'not measured'];
  const peak = peakBytes === undefined ? peakTileBytes : peakBytes;
  return [
    ...head,
    duration(seconds.median),
    `${duration(seconds.min)} – ${duration(seconds.max)}`,
    gigabytes(bandwidth),
    `${Math.round((100 * bandwidth) / copy)} %`,
    peak === undefined ? '' : `${Math.ceil(peak / 2 ** 20)} MiB`,
    [timing.kernels?.join(', '), timing.note, problem && `WRONG: ${problem}`]
      .filter(Boolean)
      .join('; '),
  ];
}

/** The backend with threads, and whether it is emulated. */
export function placeOf({ backend, threads, emulated }: Timing): string {
  const count = threads === undefined ? '' : ` ×${threads}`;
  return `${backend}${count}${emulated ? ' (emulated)' : ''}`;
}

/** Limits, and whether they hold. */
export function checkTable(checks: readonly Check[]): string {
  const rows = checks.map(({ what, found, limit, sense, unit, holds }) => {
    const text = (value: number): string =>
      unit === 'bytes' ? `${Math.ceil(value / 2 ** 20)} MiB` : digits(value);
    return [what, text(found), `${sense} ${text(limit)}`, holds ? 'yes' : 'NO'];
  });
  return aligned([['what', 'found', 'required', 'holds'], ...rows]).join('\n');
}

const RATIO_HEAD = [
  'work',
  'n × d',
  'threads',
  'against',
  'ours',
  'theirs',
  'ratio',
  'required',
  'holds',
  'result',
];

/** Ours against others'. */
export function ratioTable(ratios: readonly Ratio[]): string {
  return aligned([RATIO_HEAD, ...ratios.map(ratioRow)]).join('\n');
}

function ratioRow(ratio: Ratio): string[] {
  const { work, n, d, backend, count, theirs, ours, their, atLeast, holds, problem } = ratio;
  const mine = hasThreads(backend) ? backend : `${backend}: 1`;
  const head = [work, `${n} × ${grouped(d)}`, `${count} (${mine})`, theirs];
  if (ours === undefined || their === undefined) return [...head, problem ?? 'not measured'];
  return [
    ...head,
    duration(ours.median),
    duration(their.median),
    factor(ratio.ratio!),
    atLeast === undefined ? '' : factor(atLeast),
    holds === undefined ? '' : holds ? 'yes' : 'NO',
    agreementOf(ratio),
  ];
}

function agreementOf({ agreement, agrees, difference, aboveOptimum }: Ratio): string {
  if (aboveOptimum !== undefined) {
    const share = (value: number): string => Math.max(0, value).toExponential(0);
    const found = `${share(aboveOptimum.ours)} above the optimum, theirs ${share(aboveOptimum.theirs)}`;
    return agrees === false ? `NOT OPTIMAL: ${found}` : found;
  }
  if (difference === undefined) return '';
  const apart = `differs by ${difference.toExponential(0)}`;
  if (agreement === 'own') return `${apart}, by definition`;
  return agrees ? 'agrees' : `DISAGREES: ${apart}`;
}

/** How right everybody's distances are where rows are all but the same. */
export function distanceLine({ distances }: Pick<RivalFacts, 'distances'>): string {
  const parts = distances.map(({ whose, worst, problem }) =>
    worst === undefined ? `${whose}: ${problem}` : `${whose} ${worst.toExponential(1)}`,
  );
  const head = 'largest relative error of squared distances between rows 1000 + 0.01·N(0, 1)';
  return `${head}: ${parts.join(', ')}`;
}

/** Whether any result is wrong: what the exit code tells. */
export function isWrong({
  timings,
  ratios = [],
  rivals,
}: Pick<Report, 'timings' | 'ratios' | 'rivals'>): boolean {
  const distances = rivals && 'distances' in rivals ? rivals.distances : [];
  return (
    // Theirs may be as wrong as they like.
    distances.some(({ ours, worst }) => ours && !(worst! <= DISTANCES_RIGHT)) ||
    timings.some(({ seconds, problem }) => seconds !== undefined && problem !== undefined) ||
    ratios.some(({ agrees }) => agrees === false)
  );
}

/** `12.3 ms`: three digits, in a unit that suits. */
export function duration(seconds: number): string {
  const [value, unit] =
    seconds >= 1 ? [seconds, 's'] : seconds >= 1e-3 ? [1e3 * seconds, 'ms'] : [1e6 * seconds, 'µs'];
  return `${digits(value)} ${unit}`;
}

/** `1.2×` */
export function factor(value: number): string {
  return `${digits(value)}×`;
}

/** Median and quartiles as a sentence for those who read one number. */
export function spreadText({ median, lowerQuartile, upperQuartile }: Spread): string {
  return `${duration(median)} (${duration(lowerQuartile)} – ${duration(upperQuartile)})`;
}

/** 1000000 → `1,000,000` */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

function gigabytes(bytesPerSecond: number): string {
  return digits(bytesPerSecond / 1e9);
}

/** Three significant digits without an exponent. */
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 0.01 ? value.toFixed(2) : value.toPrecision(2);
}

/** Columns of equal width, the last as long as it is. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) =>
    // A cell that ends its row early spans what is left.
    Math.max(...rows.map((row) => (i === row.length - 1 ? 0 : [...(row[i] ?? '')].length))),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - [...cell].length)))
      .join('  ')
      .trimEnd(),
  );
}
