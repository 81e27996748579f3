/**
 * What a server remembers of a client between rounds: a few moments, and a sketch of the sum of its
 * updates. Never an update: a memory has the same size whatever the model's.
 *
 * A sketch is a random projection: entry j of a row is added, with a sign, to one of a few buckets,
 * both chosen by the seed and j. Inner products of sketches are those of the rows, give or take
 * ‖x‖·‖y‖/√width. Charikar, Chen, Farach-Colton. "Finding frequent items in data streams", ICALP 2002.
 *
 * A client that knows the seed can hide what it does from the sketch: keep it from clients. A sketch
 * is a function of private updates, and as confidential as they are.
 *
 * @module
 */

import type { Backend, Matrix } from '../backend/kernels.ts';
import { assertInteger, show } from '../core/assert.ts';
import { FormatError } from '../core/errors.ts';
import { type Moments, medianOf, NO_MOMENTS, withNumber } from './statistics.ts';

/** How rows are projected. Sketches made in different ways cannot be compared. */
export interface SketchOptions {
  /** Buckets, in [16, 65536]. Default 512: 4 KiB for each client, inner products to some 4 %. */
  readonly width?: number;
  /** An integer in [0, 2³²). Draw it at random and keep it from clients. */
  readonly seed: number;
}

/** What is remembered of a client. Plain data: it goes through JSON and back. */
export interface ClientMemory {
  /** How the sketch was made. */
  readonly width: number;
  readonly seed: number;
  /** Norms of its updates: all of them alike. */
  readonly norms: Moments;
  /** Logarithms of its norms over the round's median norm; older rounds fade. */
  readonly relativeNorms: Moments;
  /** Cosines of its updates to the round's robust direction; older rounds fade. */
  readonly agreements: Moments;
  /** Cosines of its updates to what it had sent before; older rounds fade. */
  readonly selfAgreements: Moments;
  /**
   * The sum of its updates, each shortened to the median norm of its round if it was longer: no
   * single update outweighs all others. One number for each bucket.
   */
  readonly sum: readonly number[];
}

/** So many rounds back, what fades has lost most of its weight. */
const REMEMBERED = 50;
const DEFAULT_WIDTH = 512;

/** Options with the default width, checked. */
export function checkedSketch({
  width = DEFAULT_WIDTH,
  seed,
}: SketchOptions): Required<SketchOptions> {
  assertInteger('sketch.width', width, 16, 2 ** 16);
  assertInteger('sketch.seed', seed, 0, 2 ** 32 - 1);
  return { width, seed };
}

/**
 * A sketch of each row, in f64. One pass over the rows, which brings all of them to the host.
 *
 * Entries are added in the order of the columns, so the size of a shard changes no bit.
 */
export async function sketchesOf(
  x: Matrix,
  { backend, width, seed }: Required<SketchOptions> & { readonly backend: Backend },
): Promise<Float64Array[]> {
  const sketches = Array.from({ length: x.rows }, () => new Float64Array(width));
  let places = new Uint32Array();
  let signs = new Int8Array();
  await backend.stream(x, (tile, from, to) => {
    const cols = to - from;
    if (places.length < cols) {
      places = new Uint32Array(cols);
      signs = new Int8Array(cols);
    }
    for (let j = 0; j < cols; j++) {
      const word = hashed(from + j, seed);
      places[j] = (word >>> 1) % width;
      signs[j] = (word & 1) === 0 ? 1 : -1;
    }
    for (const [i, sketch] of sketches.entries()) {
      const row = i * cols;
      for (let j = 0; j < cols; j++) sketch[places[j]!]! += signs[j]! * tile[row + j]!;
    }
  });
  return sketches;
}

/** 32 bits for a column, by the finaliser of MurmurHash3 on each half of its number in turn. */
function hashed(column: number, seed: number): number {
  const low = mixed(seed ^ mixed(column >>> 0));
  const high = Math.floor(column / 2 ** 32);
  return high === 0 ? low : mixed(low ^ mixed(high + 0x9e3779b9));
}

function mixed(word: number): number {
  let h = (word + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The cosine of two sketches; 0 where one is zero. */
export function sketchCosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, aa, bb] = [0, 0, 0];
  for (let k = 0; k < a.length; k++) {
    product += a[k]! * b[k]!;
    aa += a[k]! * a[k]!;
    bb += b[k]! * b[k]!;
  }
  return aa === 0 || bb === 0 ? 0 : product / Math.sqrt(aa * bb);
}

/** What one round tells of a client. */
export interface RoundOfClient {
  readonly norm: number;
  readonly medianNorm: number;
  readonly agreement: number;
  readonly sketch: Float64Array;
}

/** The logarithm of a norm over the round's median norm, in [−30, 30]. */
export function relativeNorm(norm: number, medianNorm: number): number {
  if (norm === medianNorm) return 0;
  return Math.min(30, Math.max(-30, Math.log(norm / medianNorm)));
}

/** The memory of a client after one more round. */
export function remembered(
  before: ClientMemory | undefined,
  { norm, medianNorm, agreement, sketch }: RoundOfClient,
  { width, seed }: Required<SketchOptions>,
): ClientMemory {
  const past = before ?? {
    norms: NO_MOMENTS,
    relativeNorms: NO_MOMENTS,
    agreements: NO_MOMENTS,
    selfAgreements: NO_MOMENTS,
    sum: new Float64Array(width),
  };
  const self = before === undefined ? undefined : sketchCosine(sketch, past.sum);
  return {
    width,
    seed,
    norms: withNumber(past.norms, norm),
    relativeNorms: withNumber(past.relativeNorms, relativeNorm(norm, medianNorm), REMEMBERED),
    agreements: withNumber(past.agreements, agreement, REMEMBERED),
    selfAgreements:
      self === undefined ? past.selfAgreements : withNumber(past.selfAgreements, self, REMEMBERED),
    sum: sumWith(past.sum, { sketch, norm, medianNorm }),
  };
}

/** The sum of what a client has sent, with one more update. */
export function sumWith(
  sum: ArrayLike<number> | undefined,
  { sketch, norm, medianNorm }: Pick<RoundOfClient, 'sketch' | 'norm' | 'medianNorm'>,
): number[] {
  const shortened = norm > medianNorm ? medianNorm / norm : 1;
  return Array.from(sketch, (value, k) => (sum?.[k] ?? 0) + shortened * value);
}

/** Memories after a round, by client. */
export function memoriesAfter(
  clients: readonly string[],
  scene: {
    readonly norms: Float64Array;
    readonly agreement: Float64Array;
    readonly past: {
      readonly memories: readonly (ClientMemory | undefined)[];
      readonly sketches: readonly Float64Array[];
    };
  },
  sketch: Required<SketchOptions>,
): Map<string, ClientMemory> {
  const medianNorm = medianOf(scene.norms);
  return new Map(
    clients.map((client, i) => {
      const round = {
        norm: scene.norms[i]!,
        medianNorm,
        agreement: scene.agreement[i]!,
        sketch: scene.past.sketches[i]!,
      };
      return [client, remembered(scene.past.memories[i], round, sketch)];
    }),
  );
}

/**
 * Memories out of JSON, checked.
 *
 * @throws {TypeError} if it is not what `JSON.stringify` made of memories.
 */
export function readMemory(name: string, value: unknown): ClientMemory {
  const fail = (what: string): TypeError =>
    new TypeError(`memory of ${show(name)} must have ${what}`);
  if (typeof value !== 'object' || value === null) throw fail('fields');
  const fields = value as Readonly<Record<string, unknown>>;
  const { width, seed, sum } = fields;
  if (!Number.isInteger(width) || !Number.isInteger(seed)) throw fail('a width and a seed');
  if (!Array.isArray(sum) || sum.length !== width || !sum.every(Number.isFinite)) {
    throw fail(`a sum of ${width} finite numbers`);
  }
  const moments = ['norms', 'relativeNorms', 'agreements', 'selfAgreements'].map((key) => {
    const found = fields[key] as Partial<Moments> | null | undefined;
    const { count, mean, squares } = found ?? {};
    const isRight = [count, mean, squares].every(Number.isFinite) && count! >= 0 && squares! >= 0;
    if (!isRight) throw fail(`${key} with count, mean and squares`);
    return [key, { count, mean, squares }];
  });
  return { width, seed, sum, ...Object.fromEntries(moments) } as ClientMemory;
}

/** All that a server remembers, as a file holds it. */
export interface Memories {
  readonly sketch: SketchOptions;
  readonly memories: ReadonlyMap<string, ClientMemory>;
}

const FORMAT = 'aggregis/memories/v1';

/** Memories as JSON, in the order of the map. */
export function writeMemories({ sketch, memories }: Memories): string {
  const clients = [...memories];
  return `${JSON.stringify({ format: FORMAT, sketch: checkedSketch(sketch), clients })}\n`;
}

/**
 * Memories out of what {@link writeMemories} made.
 *
 * @param name - What messages call the text.
 * @throws {FormatError} `malformed` if it is something else.
 */
export function readMemories(name: string, text: string): Memories {
  try {
    const { format, sketch, clients } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (format !== FORMAT) throw new TypeError(`format must be ${FORMAT}, got ${show(format)}`);
    const checked = checkedSketch(sketch as SketchOptions);
    const entries = (clients as readonly [string, unknown][]).map(([client, memory]) => {
      if (typeof client !== 'string') throw new TypeError('clients must be named');
      return [client, readMemory(client, memory)] as const;
    });
    return { sketch: checked, memories: new Map(entries) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError('malformed', `${name}: holds no memories: ${why}`, { cause });
  }
}
