/**
 * Updates as words on the wire and sums as numbers again: what rounding, packing and their inverses take on
 * the host, and on backends, from memory to memory and with the look at a sample.
 *
 * @module
 */

import { type Codec, hostCodec } from '../../secagg/codec.ts';
import { type EncodedSum, type EncodingPlan, planEncoding } from '../../secagg/encode.ts';
import { backendCodec } from '../../secure-codec.ts';
import { type Bench, open, orProblem, places, type Question, type Timing, timed } from './bench.ts';
import { measure } from './stopwatch.ts';

const COLS = 2 ** 20;
const QUICK_COLS = 2 ** 12;
const KEY_BYTES = 32;
const CONSTANTS = [0x9e3779b9, 0x7f4a7c15] as const;

/** One update of so many entries of 24 bits, and the sum of one. */
export const codecTimes: Question = {
  name: 'codec',
  asks: 'How fast are updates rounded, packed and read back?',
  async ask(bench) {
    const { settings } = bench;
    const d = settings.quick ? QUICK_COLS : COLS;
    const host = { backend: 'reference', threads: 1 } as const;
    await time(bench, hostCodec(), { d, on: 'the host', line: host });
    const threads = [...new Set([1, ...settings.threads])];
    for (const place of places({ ...settings, threads })) await timeBackend(bench, { place, d });
  },
};

async function timeBackend(
  bench: Bench,
  { place, d }: { place: ReturnType<typeof places>[number]; d: number },
): Promise<void> {
  const opened = await open(bench, place);
  if (typeof opened === 'string') {
    const shape = { question: 'codec', mode: 'resident', n: 1, d } as const;
    bench.record({ ...shape, what: 'all', backend: place.name, problem: opened });
    return;
  }
  const { backend } = opened;
  try {
    let problem: string | undefined;
    const codec = backendCodec(backend, {
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      onFault: (message) => {
        problem = message;
      },
    });
    const on = 'a backend';
    await time(bench, codec, { d, on, line: opened.place, problem: () => problem });
  } finally {
    await backend.close();
  }
}

interface Timed {
  readonly d: number;
  readonly on: string;
  readonly line: Pick<Timing, 'backend' | 'adapter' | 'emulated' | 'threads'>;
  /** What turned out to be wrong meanwhile, if anything. */
  readonly problem?: () => string | undefined;
}

async function time(bench: Bench, codec: Codec, { d, on, line, problem }: Timed): Promise<void> {
  for (const [what, run] of Object.entries(
    await worksOf(codec, { d, seed: bench.settings.seed }),
  )) {
    const shape = {
      question: 'codec',
      what: `${what} on ${on}`,
      mode: 'resident',
      n: 1,
      d,
    } as const;
    const found = await orProblem({ ...shape, ...line }, async () => {
      const seconds = await measure(run, bench.settings.repeats);
      const wrong = problem?.();
      return timed(
        {
          ...{ ...shape, ...line },
          note: `${(d / seconds.median / 1e6).toFixed(1)} million entries/s`,
          ...(wrong !== undefined && { problem: wrong }),
        },
        seconds,
      );
    });
    bench.record(found);
  }
}

/** Everything that a codec does. */
async function worksOf(
  codec: Codec,
  { d, seed }: { readonly d: number; readonly seed: number },
): Promise<Readonly<Record<string, () => Promise<unknown>>>> {
  const plan: EncodingPlan = planEncoding({
    dimensions: d,
    ringBits: 24,
    valueBits: 14,
    clip: 1,
    maxClients: 1024,
    weights: 'uniform',
  });
  const update = Float32Array.from({ length: d }, (_, j) => Math.sin(seed + j));
  // Of no secrecy: made of the seed.
  const key = Uint8Array.from({ length: KEY_BYTES }, (_, i) => seed + i + 1);
  const input = { update, key, ctxConstants: CONSTANTS };
  const { words } = await hostCodec().encode(plan, input);
  const packed = await hostCodec().pack(words, plan.ringBits);
  const sum: EncodedSum = { words, survivors: 1, ctxConstants: CONSTANTS };
  return {
    rounding: () => codec.encode(plan, input),
    packing: () => codec.pack(words, plan.ringBits),
    unpacking: () => codec.unpack(packed, { bits: plan.ringBits, entries: words.length }),
    'reading the mean': () => codec.decode(plan, sum),
  };
}
