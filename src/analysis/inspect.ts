/**
 * Inspection: what each update of a round looks like beside the others, beside its client's past and
 * beside what the server trusts. It decides nothing; whoever asked may flag, watch or exclude.
 *
 * @module
 */

import { onBackend, ownRow } from '../aggregate.ts';
import type { BackendChoice, CreateBackend } from '../backend/create.ts';
import type { Backend, BackendInfo, Matrix, RowSource } from '../backend/kernels.ts';
import { assertInteger, assertOptions, show } from '../core/assert.ts';
import { AggregationError } from '../core/errors.ts';
import { geometryOf, restrict } from '../rules/geometry.ts';
import {
  gateOf,
  type Screened,
  type Screening,
  type ScreenOptions,
  type Updates,
} from '../screen.ts';
import { type ArticleScore, articleScores } from './article.ts';
import { combined, THRESHOLD } from './combined.ts';
import type { Detector, Scene, TrustedRow } from './detector.ts';
import { detectors as allDetectors } from './detectors/list.ts';
import { agreementOf, normsOf } from './geometry.ts';
import {
  type ClientMemory,
  checkedSketch,
  memoriesAfter,
  type SketchOptions,
  sketchesOf,
} from './memory.ts';

/** What an inspection may be told. */
export interface InspectOptions extends ScreenOptions {
  /**
   * Where to compute: a backend of the caller's, which stays open, or the name of one that is made
   * and closed here. Default `auto`.
   */
  readonly backend?: Backend | BackendChoice;
  /** Bytes that tiles may take at once, for a backend made here. Default 1 GiB. */
  readonly memory?: number;
  /** Ends the inspection at the next read of a row; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
  /**
   * Bound on the number of Byzantine clients, n ≥ 2f + 3. Default: the largest that n admits, 0 where
   * n < 3.
   */
  readonly f?: number;
  /** The step that the global model took last: the previous aggregate. */
  readonly step?: Float32Array | RowSource;
  /** An update of the server's own, from data that it trusts. */
  readonly root?: Float32Array | RowSource;
  /**
   * What is remembered of clients, from {@link Inspection.memories} of earlier rounds. Needs
   * {@link InspectOptions.sketch}.
   */
  readonly memories?: ReadonlyMap<string, ClientMemory>;
  /** How rows are projected for what is remembered. With it, one more pass brings rows to the host. */
  readonly sketch?: SketchOptions;
  /**
   * The global model that updates are differences to. With it, the scores of a much copied article
   * are added, for comparison: see {@link ArticleScore}. One more pass.
   */
  readonly model?: Float32Array | RowSource;
  /** The detectors to ask. Default: all there are. */
  readonly detectors?: readonly Detector[];
}

/** What one detector found out about one client. */
export interface Finding {
  readonly detector: string;
  /** In the detector's own unit. */
  readonly score: number;
  /** How far out that is, the more the worse. */
  readonly deviation: number;
  /** What honest clients hardly ever exceed. */
  readonly threshold: number;
  /** Whether the deviation is above the threshold. */
  readonly fired: boolean;
  /** Whether it counts beside other findings alone. */
  readonly corroborates: boolean;
  /** The score in words: the end of a sentence about the update. */
  readonly words: string;
}

/** What was found out about one client: the screen's verdict, and what each detector says. */
export interface ClientInspection extends Screening {
  /** One for each detector that had something to go by; none if the update was excluded. */
  readonly findings: readonly Finding[];
  /** All findings in one number; above {@link Inspection.threshold} the update is suspected. */
  readonly score: number;
  /** Whether the update is unlike what an honest client sends. The screen's exclusions are not. */
  readonly suspected: boolean;
  /** The finding that weighs most, in words, where the update is suspected. */
  readonly reason?: string;
  /** With {@link InspectOptions.model}. Counts for nothing in `score`. */
  readonly article?: ArticleScore;
}

/** An inspection. */
export interface Inspection {
  /** One for each update, ordered by client id. */
  readonly clients: readonly ClientInspection[];
  /** Names of the detectors that had something to go by. */
  readonly detectors: readonly string[];
  /** What {@link ClientInspection.score} of honest clients hardly ever exceeds. */
  readonly threshold: number;
  /** The bound on Byzantine clients that was reckoned with. */
  readonly f: number;
  /** Rows that were inspected. */
  readonly rows: number;
  /** Entries of each. */
  readonly cols: number;
  /**
   * With a sketch: what to remember of each client that was inspected, in place of what was. Whoever
   * does not want a suspected update to change what is held against the next one leaves its memory as it was.
   */
  readonly memories?: ReadonlyMap<string, ClientMemory>;
  readonly backend: BackendInfo;
  readonly seconds: number;
}

/**
 * Screens the updates, and tells of each that passes how far it is from what honest clients send.
 *
 * One pass over the rows gives all products and distances; one more for signs, and one more with a
 * sketch. If the screen excludes a row, the first is done again without it. What is decided is decided
 * on n×n numbers, in n³ at most.
 *
 * A verdict is a probability, not a proof: `docs/detection.md` tells how often honest clients are
 * suspected and attackers are not, for each attack.
 *
 * @throws {AggregationError} `no-clients` if no update passes the screen, `unreadable` if a row cannot
 *   be read, `constraint` if f is too large for the rows that are left.
 * @throws {BackendError} if the backend cannot be made or cannot do the work.
 * @throws {TypeError} if an argument is of the wrong kind.
 * @throws {RangeError} if `step` or `root` is not finite or of another length, or a memory was made
 *   with another sketch.
 */
export type Inspect = (updates: Updates, options?: InspectOptions) => Promise<Inspection>;

/** The function `inspect` of a platform, which makes its backends with `createBackend`. */
export function inspectWith(createBackend: CreateBackend): Inspect {
  return async (updates, options = {}) => {
    const sketch = checkOptions(options);
    return await onBackend(createBackend, options, (backend) =>
      run(updates, { ...options, backend, sketch }),
    );
  };
}

/** Every option there is. */
const OPTIONS: Readonly<Record<keyof InspectOptions, true>> = {
  backend: true,
  memory: true,
  signal: true,
  cols: true,
  maxNorm: true,
  weights: true,
  exampleCap: true,
  history: true,
  f: true,
  step: true,
  root: true,
  memories: true,
  sketch: true,
  model: true,
  detectors: true,
};

function checkOptions(options: InspectOptions): Required<SketchOptions> | undefined {
  assertOptions(options, OPTIONS);
  if (options.f !== undefined) assertInteger('f', options.f, 0);
  if (options.memory !== undefined && typeof options.backend === 'object') {
    throw new TypeError('memory is for a backend made here; give it to createBackend instead');
  }
  options.signal?.throwIfAborted();
  const { memories, sketch } = options;
  if (memories !== undefined && !(memories instanceof Map)) {
    throw new TypeError(`memories must be a Map by client, got ${show(memories)}`);
  }
  if (sketch !== undefined) return checkedSketch(sketch);
  if (memories !== undefined)
    throw new TypeError('memories need the sketch that they were made with');
  return undefined;
}

interface Run extends Omit<InspectOptions, 'sketch'> {
  readonly backend: Backend;
  readonly sketch: Required<SketchOptions> | undefined;
}

async function run(updates: Updates, options: Run): Promise<Inspection> {
  const start = performance.now();
  const { backend, sketch } = options;
  const held: Matrix[] = [];
  try {
    const own: Own = {};
    for (const name of ['step', 'root', 'model'] as const) {
      const cols = options.cols ?? own.step?.cols ?? own.root?.cols;
      const row = await ownRow(name, options[name], { backend, cols, held });
      if (row !== undefined) own[name] = row;
    }
    const cols = options.cols ?? held[0]?.cols;
    const gate = gateOf(updates, {
      ...options,
      ...(cols !== undefined && { cols }),
      ops: backend,
    });
    held.push(gate.rows);
    backend.screenAlong(gate.rows);
    const first = await attempted(() => sceneOf(gate.assumed, { ...options, own }));
    const screened = gate.judge(await backend.screen(gate.rows));
    const isAsAssumed = screened.admitted === gate.rows;
    if (isAsAssumed && 'failure' in first) throw first.failure;
    const scene =
      isAsAssumed && 'value' in first ? first.value : await sceneOf(screened, { ...options, own });
    const asked = await ask(options.detectors ?? allDetectors, scene);
    const memories =
      sketch && memoriesAfter(scene.clients, { ...scene, past: scene.past! }, sketch);
    const article = await articleOf(scene, own.model);
    return {
      clients: reportsOf(screened.screenings, { asked, article }),
      detectors: asked.map(({ detector }) => detector.name),
      threshold: THRESHOLD,
      f: scene.f,
      rows: scene.x.rows,
      cols: scene.x.cols,
      ...(memories && { memories }),
      backend: backend.info,
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    for (const matrix of held) backend.release(matrix);
  }
}

/** An outcome, or a failure that rows yet to be excluded may have caused. */
async function attempted<T>(work: () => Promise<T>): Promise<{ value: T } | { failure: unknown }> {
  try {
    return { value: await work() };
  } catch (failure) {
    return { failure };
  }
}

/** The server's own rows. */
interface Own {
  step?: Matrix;
  root?: Matrix;
  model?: Matrix;
}

async function articleOf(
  { x, ops, past }: Scene,
  model: Matrix | undefined,
): Promise<ArticleScore[] | undefined> {
  if (model === undefined) return undefined;
  const pastNorms = Array.from({ length: x.rows }, (_, i) => past?.memories[i]?.norms);
  return await articleScores(x, model, { ops, pastNorms });
}

async function sceneOf(
  { admitted: x, screenings }: Screened,
  { own, f, ...options }: Run & { readonly own: Own },
): Promise<Scene> {
  const { backend, sketch } = options;
  const n = x.rows;
  const most = Math.max(0, Math.floor((n - 3) / 2));
  if (f !== undefined && f > most) {
    const least = `n ≥ 2f + 3 = ${2 * f + 3} clients for f = ${f}`;
    throw new AggregationError('constraint', `inspect needs ${least}, got ${n}`);
  }
  const names = (['step', 'root'] as const).filter((name) => own[name] !== undefined);
  const points = names.reduce((above, name) => backend.stack(above, own[name]!), x);
  const all = await geometryOf(points, backend);
  const geometry = restrict(all, [...Array(n).keys()]);
  const trusted = Object.fromEntries(
    names.map((name, k): [string, TrustedRow] => {
      const row = (n + k) * all.n;
      const norm = Math.sqrt(all.products[row + n + k]!);
      return [name, { norm, products: all.products.slice(row, row + n) }];
    }),
  );
  const clients = screenings
    .filter(({ verdict }) => verdict !== 'excluded')
    .map(({ client }) => client);
  const scene = {
    clients,
    f: f ?? most,
    geometry,
    norms: normsOf(geometry),
    agreement: agreementOf(geometry),
    ...trusted,
    x,
    ops: backend,
  };
  if (sketch === undefined) return scene;
  const memories = clients.map((client) => memoryOf(client, options.memories, sketch));
  return { ...scene, past: { memories, sketches: await sketchesOf(x, { ...sketch, backend }) } };
}

function memoryOf(
  client: string,
  known: ReadonlyMap<string, ClientMemory> | undefined,
  { width, seed }: Required<SketchOptions>,
): ClientMemory | undefined {
  const memory = known?.get(client);
  if (memory === undefined || (memory.width === width && memory.seed === seed)) return memory;
  throw new RangeError(
    `memory of ${show(client)} must be of the sketch of width ${width} and the seed in use, got ` +
      `width ${memory.width}${memory.width === width ? ' and another seed' : ''}`,
  );
}

/** A detector that had something to go by, and what it found. */
interface Asked {
  readonly detector: Detector;
  readonly findings: readonly (Finding | undefined)[];
}

async function ask(detectors: readonly Detector[], scene: Scene): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const detector of detectors) {
    const { name, threshold, corroborates = false } = detector;
    const measures = await detector.examine(scene);
    if (measures === undefined) continue;
    const findings = measures.map((measure) => {
      if (measure === undefined) return undefined;
      const fired = measure.deviation > threshold;
      return { detector: name, ...measure, threshold, fired, corroborates };
    });
    asked.push({ detector, findings });
  }
  return asked;
}

function reportsOf(
  screenings: readonly Screening[],
  { asked, article }: { asked: readonly Asked[]; article: readonly ArticleScore[] | undefined },
): ClientInspection[] {
  let row = 0;
  return screenings.map((screening) => {
    if (screening.verdict === 'excluded') {
      return { ...screening, findings: [], score: 0, suspected: false };
    }
    const i = row++;
    const findings = asked.flatMap(({ findings }) => findings[i] ?? []);
    const { score, main } = combined(findings);
    const suspected = score > THRESHOLD;
    return {
      ...screening,
      findings,
      score,
      suspected,
      ...(suspected && main && { reason: `${main.detector}: ${main.words}` }),
      ...(article && { article: article[i]! }),
    };
  });
}
