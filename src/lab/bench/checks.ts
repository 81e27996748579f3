/**
 * What Aggregis is held to on its own: limits on timings of one run, where {@link LINES} holds it
 * against others.
 *
 * @module
 */

import type { Bandwidth } from './bandwidth.ts';
import type { Timing } from './bench.ts';
import { LIMITED_NOISE } from './noise.ts';
import { expectedBytes, LINES as SECAGG } from './secagg/lines.ts';

/** A number that was found, and its limit. */
export interface Check {
  readonly what: string;
  readonly found: number;
  readonly limit: number;
  readonly sense: 'at least' | 'at most';
  readonly unit: '' | 'bytes';
  readonly holds: boolean;
}

/** One call over as many as there are rules. */
export const TOGETHER_AT_MOST = 0.6;
/** Of the bandwidth of a copy, bytes read and written. */
export const SHARE_AT_LEAST = 0.45;
/** Files over the larger of reading them and computing in memory. */
export const FILES_AT_MOST = 1.3;
/** Resident memory of the process that aggregates files. */
export const PEAK_AT_MOST: number = 1.2 * 2 ** 30;
/** Millions of coordinates that one thread gives noise in a second, of three draws each. */
export const NOISE_AT_LEAST = 15;
/** Billions of bytes of masks that one thread makes and adds in a second. */
export const MASKS_AT_LEAST = 1;
/** Seconds from the last shares to the sum, of 90 inputs of 10⁶ entries where 10 have dropped out. */
export const UNMASKING_AT_MOST = 12;
/** What a server of secure aggregation holds, over one sum and the boxes. */
export const HELD_AT_MOST = 1.25;

/** All limits that the timings can be held to. */
export function checksOf(timings: readonly Timing[], bandwidth: Bandwidth): Check[] {
  return timings.flatMap((timing) => [
    ...togetherChecks(timing, timings),
    ...sumChecks(timing, bandwidth),
    ...fileChecks(timing, timings),
    ...noiseChecks(timing),
    ...secaggChecks(timing),
  ]);
}

function check(what: string, found: number, rest: Omit<Check, 'what' | 'found' | 'holds'>): Check {
  const holds = rest.sense === 'at least' ? found >= rest.limit : found <= rest.limit;
  return { what, found, ...rest, holds };
}

/** Where, in words. */
function placeOf({ n, d, backend, threads }: Timing): string {
  return `${n} × ${d} on ${backend}${threads === undefined ? '' : ` ×${threads}`}`;
}

/** The timing of the same work in another mode. */
function beside(timing: Timing, timings: readonly Timing[], mode: Timing['mode']): number {
  const other = timings.find(
    (one) =>
      one.mode === mode &&
      one.question === timing.question &&
      one.what === timing.what &&
      one.backend === timing.backend &&
      one.threads === timing.threads &&
      one.n === timing.n &&
      one.d === timing.d,
  );
  return other?.seconds?.median ?? Number.NaN;
}

function togetherChecks(timing: Timing, timings: readonly Timing[]): Check[] {
  if (timing.mode !== 'together' || timing.seconds === undefined) return [];
  const found = timing.seconds.median / beside(timing, timings, 'one by one');
  const what = `one call for several rules, share of a call for each, ${placeOf(timing)}`;
  return [check(what, found, { limit: TOGETHER_AT_MOST, sense: 'at most', unit: '' })];
}

function sumChecks(timing: Timing, measured: Bandwidth): Check[] {
  const { question, mode, what: rule, bandwidth, copy = measured.copy } = timing;
  if (question !== 'sums' || mode !== 'resident' || bandwidth === undefined) return [];
  if (rule !== 'weighted-mean') return [];
  const what = `weighted mean, share of a copy’s bandwidth, ${placeOf(timing)}`;
  return [check(what, bandwidth / copy, { limit: SHARE_AT_LEAST, sense: 'at least', unit: '' })];
}

function fileChecks(timing: Timing, timings: readonly Timing[]): Check[] {
  if (timing.mode !== 'files' || timing.seconds === undefined) return [];
  const [reading, inMemory] = [
    beside(timing, timings, 'reading'),
    beside(timing, timings, 'in memory'),
  ];
  const where = `${timing.what}, ${placeOf(timing)}`;
  const time = check(
    `files over the larger of reading and computing, ${where}`,
    timing.seconds.median / Math.max(reading, inMemory),
    { limit: FILES_AT_MOST, sense: 'at most', unit: '' },
  );
  const peak = check(`resident memory on files, ${where}`, timing.peakBytes ?? Number.NaN, {
    limit: PEAK_AT_MOST,
    sense: 'at most',
    unit: 'bytes',
  });
  return [time, peak];
}

function noiseChecks({ question, ...timing }: Timing): Check[] {
  const { what, backend, threads, seconds, d } = timing;
  if (question !== 'noise' || what !== LIMITED_NOISE || seconds === undefined) return [];
  if (backend !== 'wasm' || threads !== 1) return [];
  const found = d / seconds.median / 1e6;
  const name = `${what}, million coordinates per second, ${placeOf({ question, ...timing })}`;
  return [check(name, found, { limit: NOISE_AT_LEAST, sense: 'at least', unit: '' })];
}

function secaggChecks(timing: Timing): Check[] {
  const { question, what, backend, threads, seconds, heldBytes, n, d } = timing;
  if (question !== 'secagg' || seconds === undefined) return [];
  const where = `secure aggregation, ${what}, ${placeOf(timing)}`;
  if (what === SECAGG.masks && backend === 'wasm' && threads === 1) {
    const found = (4 * n * d) / seconds.median / 1e9;
    return [check(`${where}, GB/s`, found, { limit: MASKS_AT_LEAST, sense: 'at least', unit: '' })];
  }
  if (what === SECAGG.roundUnmasking) {
    const limit = UNMASKING_AT_MOST;
    return [check(`${where}, seconds`, seconds.median, { limit, sense: 'at most', unit: '' })];
  }
  if (what !== SECAGG.held || heldBytes === undefined) return [];
  const found = heldBytes / expectedBytes({ n, d });
  const name = `${where}, over one sum and the boxes`;
  return [check(name, found, { limit: HELD_AT_MOST, sense: 'at most', unit: '' })];
}
