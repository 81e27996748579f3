/**
 * The contracts between rules, engine and backends: what an operation means, shape by shape.
 * Interfaces only; this file imports nothing.
 *
 * Three layers meet here. A *rule* sees {@link Ops}: it builds expressions and asks for small
 * results. The *engine* implements {@link Backend}: it cuts expressions into shards of columns. A
 * *backend body* implements {@link TileKernels}: every operation, on one tile.
 *
 * @module
 */

/**
 * An expression of f32 numbers, row-major; row i is client i. Immutable, and nothing is computed
 * until a result is read. A single vector is a matrix of one row.
 */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly element?: 'f32';
}

/**
 * An expression of u32 numbers, arithmetic modulo 2³²; numbers with a sign are in two's complement.
 * Else like {@link Matrix}, which it cannot take the place of.
 */
export interface Words {
  readonly rows: number;
  readonly cols: number;
  readonly element: 'u32';
}

/** m×n coefficients: one row of weights for each row of the result. */
export type Weights = readonly ArrayLike<number>[];

/** Operations column by column. Each returns an expression, whose entries are rounded to f32. */
export interface ColumnOps {
  /** The given rows, in the given order: a view, no arithmetic touches the others. n×d → m×d */
  select(x: Matrix, rows: readonly number[]): Matrix;
  /**
   * weights · x. m×n, n×d → m×d. Sums neither overflow nor vanish midway; a row of weight 0 is not
   * read, so its infinities stay out. Nested combinations are multiplied out on the host.
   */
  combine(weights: Weights, x: Matrix): Matrix;
  /**
   * Mean of the sorted values at ranks [from, to) of each column; one rank is a selection and exact.
   * Values are ordered by their bits, so −0 < 0 and infinities are values like others. n×d → 1×d
   */
  rankMean(x: Matrix, from: number, to: number): Matrix;
  /**
   * Mean of the `count` values of each column nearest to `center`. Differences are taken in f32,
   * equal distances go to the lower value. n×d, 1×d → 1×d
   */
  nearestMean(x: Matrix, center: Matrix, count: number): Matrix;
  /** Sum of the signs of each column; zeros count 0. n×d → 1×d */
  signSum(x: Matrix): Matrix;
  /** Sample standard deviation of each column, with n − 1 in the denominator. n×d → 1×d, n ≥ 2 */
  deviation(x: Matrix): Matrix;
  /** The rows of `x` above the rows of `y`. n×d, m×d → (n+m)×d */
  stack(x: Matrix, y: Matrix): Matrix;
}

/** Inner products and squared distances of all pairs of rows: n×n, row-major, f64. */
export interface Pairs {
  /** ⟨xᵢ, xⱼ⟩; NaN off the diagonal where a row holds an infinity, Infinity on it. */
  readonly products: Float64Array;
  /** ‖xᵢ − xⱼ‖², from differences; Infinity where a row holds an infinity, 0 on the diagonal. */
  readonly squaredDistances: Float64Array;
}

/** What one pass over the rows tells of each. */
export interface RowScreen {
  /** Entries that are NaN or infinite, told by their bits. */
  readonly nonFinite: Uint32Array;
  /** ‖xᵢ‖²; Infinity for a row with a non-finite entry. */
  readonly squaredNorms: Float64Array;
  /**
   * 64 bits of content: equal for equal rows, on every backend and for every shard size. Sums of
   * words times numbers of their columns modulo 2³², made to notice repetition, not to resist forgery.
   */
  readonly fingerprints: BigUint64Array;
}

/** Operations across all columns; the result is as small as the cohort and comes home in f64. */
export interface RowOps {
  /** Entries of each row that are NaN or infinite. Shares the pass of `screen`. n×d → n */
  countNonFinite(x: Matrix): Promise<Uint32Array>;
  /** ‖xᵢ‖². Shares the pass of `screen`. n×d → n */
  squaredNorms(x: Matrix): Promise<Float64Array>;
  /** One pass over the rows: finiteness, norms, content. n×d → n each */
  screen(x: Matrix): Promise<RowScreen>;
  /** Products and squared distances of all pairs in one pass. n×d → n×n each */
  pairs(x: Matrix): Promise<Pairs>;
}

/**
 * A law on the integers as a table of 2^log2Columns columns, each of which is as likely as any other.
 * Column i holds its own value i − offset and another one, its alias.
 */
export interface NoiseTable {
  /** In [0, 16]. */
  readonly log2Columns: number;
  readonly offset: number;
  /**
   * Four words a column: a threshold of 96 bits, its lowest word first, and the alias as an i32.
   * Of 96 random bits, the column's own value is drawn where they are below the threshold.
   */
  readonly words: Uint32Array;
}

/** A draw from a table, taken so many times. */
export interface NoiseDraw {
  readonly table: NoiseTable;
  /** An i32. */
  readonly factor: number;
}

/**
 * Noise on the integers from ChaCha20 (RFC 8439): coordinate j gets Σ factor · draw, where draw l
 * takes words 4·(j mod 4) … 4·(j mod 4) + 3 of block ⌊j/4⌋ under the nonce whose last word has l
 * added. Of these, the low bits of the first choose the column, the others are the 96 bits that are
 * compared, lowest first.
 *
 * The same key and nonce give the same noise; on two different values that tells their difference.
 */
export interface LatticeNoise {
  /** 32 bytes from the platform's CSPRNG. An expression keeps a copy of its own. */
  readonly key: Uint8Array;
  /** Three words, of which the last is a multiple of 256. */
  readonly nonce: readonly [number, number, number];
  /** 1 to 256 of them, added up. */
  readonly draws: readonly NoiseDraw[];
}

/**
 * Streams of ChaCha20 (RFC 8439) that are added to words or subtracted: what secure aggregation masks
 * with. Column j takes word j mod 16 of block ⌊j/16⌋, as it stands little-endian, under a nonce of
 * zeros: **a key serves once**.
 */
export interface MaskKeys {
  /** 32 bytes for each stream, one after the other. An expression keeps a copy of its own. */
  readonly keys: Uint8Array;
  /** 1 or −1 for each stream: whether it is added or subtracted. */
  readonly signs: Int8Array;
  /**
   * Hears of the columns of each dispatch while the result is computed: what a body hands to its device
   * or to its threads at once. Every column is in one of them at least, and in several where keys are
   * cut as well, or a shard had to be done again.
   */
  readonly onDispatch?: (columns: ColumnRange) => void;
}

/** Columns [from, to). */
export interface ColumnRange {
  readonly from: number;
  readonly to: number;
}

/**
 * How numbers become integers: as `quantized` of core/stochastic-rounding.ts says it, which takes, for
 * column j, the word of ChaCha20 (RFC 8439) that a mask would.
 */
export interface QuantizeOptions {
  /** Values beyond ± this are brought to it: an f32 above 0. */
  readonly clip: number;
  /** Integers per unit: an f32 in [2⁻¹⁰⁰, 2¹⁰⁰], such that clip·scale is at most 2²³. */
  readonly scale: number;
  /** Integers are in [−limit, limit]; limit is in [1, 2²³]. */
  readonly limit: number;
  /**
   * 32 bytes from the platform's CSPRNG that serve this once: what is rounded up tells where a number
   * was between two integers. An expression keeps a copy of its own.
   */
  readonly key: Uint8Array;
  /** Three words. Default: zeros. */
  readonly nonce?: readonly [number, number, number];
}

/** How integers become numbers: as `dequantized` of core/stochastic-rounding.ts says it. */
export interface DequantizeOptions {
  /** What an integer is multiplied by: a number of 64 bits, in [2⁻¹⁰⁰, 2⁹⁶]. */
  readonly scale: number;
  /** An integer is the low so many bits of its word, its sign counted; in [8, 32]. Default 32. */
  readonly bits?: number;
}

/** Operations on words: exact, and the same bits on every backend. */
export interface ModularOps {
  /** An expression over rows that the caller holds. They must not change while it is in use. */
  words(rows: readonly (Uint32Array | Int32Array)[]): Words;
  /** Adds noise to the one row of `x`, whose columns are numbered from 0. 1×d → 1×d */
  addLatticeNoise(x: Words, noise: LatticeNoise): Words;
  /** Sum of those numbers of each column that have ranks [from, to), as i32. n×d → 1×d */
  rankSum(x: Words, from: number, to: number): Words;
  /**
   * Row k: the sum of the rows with the numbers in `groups[k]`, as often as they stand there. A row may
   * be in several groups. n×d → m×d
   */
  sumRows(x: Words, groups: readonly (readonly number[])[]): Words;
  /**
   * Squared distances of all pairs of rows, as i32, in one pass, exactly: entries are below 2²⁵ in
   * magnitude, distances below 2⁵³. n×d → n×n
   *
   * @throws {RangeError} if an entry or a distance is not.
   */
  squaredDistances(x: Words): Promise<Float64Array>;
}

/** How words lie in fewer bits: see `unpackWords`. */
export interface PackedShape {
  /** Of an entry, in [8, 32]. */
  readonly bits: number;
  /** Entries of a row. */
  readonly cols: number;
}

/**
 * Noise in floating point, for simulation alone: **it is not private**. Which floats can come out tells
 * what went in: about a quarter of the results are impossible for another input (Mironov 2012), and
 * the last bits of an input may survive in the sum (Haney and others 2022). {@link LatticeNoise} is
 * what protects.
 *
 * Coordinate j takes the first two words of those that a lattice draw of it takes. With n in
 * [1, 2²⁴] from the upper 24 bits of the first, L = −ln(n/2²⁴). Gaussian: √(2L)·cos(2πv), where v is
 * the upper 24 bits of the second, over 2²⁴ (Box and Muller); none is beyond 5.77 σ. Laplace: L with
 * the second word's highest bit for a sign; none is beyond 16.7 scales.
 */
export interface SimulatedNoise {
  readonly law: 'gaussian' | 'laplace';
  /** σ of the Gaussian, b of the Laplace law of density e^(−|x|/b)/(2b). In [2⁻¹⁰⁰, 2¹⁰⁰]. */
  readonly scale: number;
  /** 32 bytes. Here they are a seed; never those of noise that protects. */
  readonly key: Uint8Array;
  /** Three words. */
  readonly nonce: readonly [number, number, number];
}

/** Everything a rule may do with updates. */
export interface Ops extends ColumnOps, RowOps {
  /** An expression over rows that the caller holds. The rows must not change while it is in use. */
  matrix(rows: readonly (RowSource | Float32Array)[]): Matrix;
}

/** A row that can be read a range at a time, from memory, a file or a network. */
export interface HostRow {
  readonly cols: number;
  /** The whole row, where it lies in memory: a body on the CPU then works on it in place. */
  readonly values?: Float32Array;
  /**
   * Writes entries [from, to) into `into`, which is `to − from` long. Reads of a row, and of several,
   * may overlap. `into` may lie in shared memory, which some functions of browsers refuse.
   */
  read(from: number, to: number, into: Float32Array): void | Promise<void>;
  /** The same entries in half precision, where `read` gives nothing else, exactly widened. */
  readonly half?: HalfRow;
  /**
   * Where entries [from, to) lie in an open file, as the f32 that `read` gives: a body may then read
   * them itself, on any thread, until the evaluation ends. Asked for in place of a `read`.
   */
  inFile?(from: number, to: number): FileRange;
}

/** Entries of a row in a file: little-endian f32, at any byte. */
export interface FileRange {
  /** Of the open file, for all threads of the process. */
  readonly descriptor: number;
  /** What lies one entry behind the other, in the order of the entries. */
  readonly runs: readonly FileRun[];
}

/** Some entries from byte `at` of a file on. */
export interface FileRun {
  readonly at: number;
  readonly length: number;
}

/** A row in half precision: a body may carry it as it is, and widen it where it computes. */
export interface HalfRow {
  /** f16 is IEEE 754 binary16, bf16 the upper half of a binary32. */
  readonly format: 'f16' | 'bf16';
  /** Writes entries [from, to) into `into`, which is `to − from` long, two bytes each. */
  read(from: number, to: number, into: Uint16Array): void | Promise<void>;
}

/** A row that lies on the GPU already, in a buffer of the backend's own device. */
export interface DeviceRow {
  readonly cols: number;
  /** Usage COPY_SRC. */
  readonly buffer: GPUBuffer;
  /** Where the row starts, in bytes; a multiple of 4. Default 0. */
  readonly byteOffset?: number;
}

/** Where a row of a matrix comes from. */
export type RowSource = HostRow | DeviceRow;

/** `auto` takes a hardware GPU if there is one, else the fastest body on the CPU. */
export type BackendName = 'reference' | 'wasm' | 'webgpu';

/**
 * How an order statistic is computed.
 *
 * - `network`: a sorting network, pruned to the wanted ranks; on a GPU in the registers of one
 *   invocation.
 * - `stream`: the lowest and the highest few are kept while rows pass, the others are added.
 * - `split`: a sorting network over several invocations of a workgroup.
 * - `search`: keys at the wanted ranks are found bit by bit; for any number of rows.
 */
export type Regime = 'network' | 'stream' | 'split' | 'search';

/** What a kernel is asked for, as far as the choice of its regime depends on it. */
export type Work =
  | {
      readonly op: 'rankMean';
      readonly rows: number;
      readonly from: number;
      readonly to: number;
    }
  | { readonly op: 'nearestMean'; readonly rows: number; readonly count: number };

/** What a result says of where it was computed. */
export interface BackendInfo {
  readonly name: BackendName;
  /** The device, in the driver's words; for the reference, the runtime. */
  readonly adapter: string;
  /** True when the GPU is emulated on the CPU. */
  readonly software: boolean;
}

/** An engine over one backend body: operations, reading, and an end. */
export interface Backend extends Ops, ModularOps, AsyncDisposable {
  readonly info: BackendInfo;
  /**
   * The whole of `x`, row-major: in `into`, which then has rows · cols entries and shares no memory
   * with the rows that `x` is made of, or in a new array. A large new array costs about as much as filling it does.
   * After a failure `into` may hold anything.
   */
  read(x: Matrix, into?: Float32Array): Promise<Float32Array>;
  /** The whole of `x`, row-major: in `into`, as `read` does it, or in a new array. */
  readWords(x: Words, into?: Uint32Array): Promise<Uint32Array>;
  /**
   * What an operation that brings its bodies makes of the one row of `x`: bytes, of which a column takes
   * `bits` bits, in `into`.
   *
   * @internal
   */
  readCoded(x: Words, coding: Coding, into: Uint8Array): Promise<void>;
  /** The whole of each, in one pass over what they share. All are equally wide. */
  readAll(xs: readonly Matrix[]): Promise<Float32Array[]>;
  /**
   * Shards of `x` in column order: entries [from, to) of every row, row-major in `tile`. The next shard
   * is computed while the sink works. It runs within this evaluation's turn: were it to wait for
   * another call of this backend, both would wait for ever. `tile` is used again once the sink is done,
   * and may lie in shared memory.
   */
  stream(
    x: Matrix,
    sink: (tile: Float32Array, from: number, to: number) => void | Promise<void>,
  ): Promise<void>;
  /**
   * Writes the one row of `x` into a buffer of the backend's device, usage COPY_DST, of at least
   * 4·d bytes; nothing is read back.
   */
  copyTo(x: Matrix, buffer: GPUBuffer): Promise<void>;
  /**
   * Asks that the next pass over the rows of `x` screens them as well, so that `screen(x)` needs no
   * pass of its own. `x` comes from `matrix`.
   */
  screenAlong(x: Matrix): void;
  /**
   * The kernels that reading `x` runs, inputs first, each once: `rankMean (network)`. Computes
   * nothing.
   */
  explain(x: Matrix | Words): readonly string[];
  /** Largest number of bytes that tiles have taken at once since the start. */
  readonly peakTileBytes: number;
  /** Forgets what is kept on the device for `x`, and the keys of masks in it, once calls before are done. */
  release(x: Matrix | Words): void;
  /** Frees all memory and the device; further calls fail with `closed`. */
  close(): Promise<void>;
}

/** Columns [from, to) of some matrix or of words, held by a backend body. Freed by {@link TileKernels.free}. */
export interface Tile {
  readonly rows: number;
  readonly cols: number;
  /** Memory of its own, where that is not 4·rows·cols: 0 for rows that are used where they lie. */
  readonly bytes?: number;
}

/** Where the result of an operation lies. */
export interface Place {
  /** Columns of the result. */
  readonly cols: number;
  /** Which column of the expression column 0 is: a multiple of 64. */
  readonly firstCol: number;
}

/**
 * An operation that brings its bodies along, so that only those programs hold them that use it. The
 * result has as many rows as what it is made of.
 */
export interface ExtraOperation {
  /** As {@link Backend.explain} tells it. */
  readonly name: string;
  /** Throws where the operation can be done no more. */
  check?(): void;
  /** Forgets what is secret. */
  release?(): void;
  /** As that of {@link MaskKeys}. Bodies on the CPU call it; on a GPU `webgpu` does, which cuts the work. */
  onDispatch?(columns: ColumnRange): void;
  /** What the operation means: fills the rows of `out` from those of `x`. */
  reference(x: readonly Float32Array[], out: readonly Float32Array[], place: Place): void;
  readonly wasm: WasmColumns;
  /** Its last parameter is what a GPU's kernels have to work with: `GpuTools` of webgpu/webgpu.ts. */
  webgpu(x: Tile, place: Place, tools: never): Promise<Tile>;
}

/** A kernel of a module with a memory of its own, which makes one row of another. */
export interface WasmColumns {
  /** Tells modules apart: a thread makes one instance of each. */
  readonly library: string;
  module(): Promise<WebAssembly.Module>;
  /** `kernel(x, cols, table, block, out)`: columns, a multiple of 64, of which the first is of that block of 16. */
  readonly kernel: string;
  /** What an entry takes, where a plain addition takes 1. */
  readonly effort: number;
  /** A new array of what the kernel reads: a secret, which is overwritten. */
  table(): Uint32Array;
  /** Where a row, or what is made of it, is packed. */
  readonly density?: Density;
}

/** Words that a column takes, in (0, 1], such that 32 columns take whole words. */
export interface Density {
  readonly rows: number;
  readonly out: number;
}

/** An operation whose results are bytes. */
export interface Coding {
  readonly operation: ExtraOperation;
  /** Of a column, in [8, 32]. */
  readonly bits: number;
}

/** Partial sums over one block of columns. */
export interface PairBlock {
  readonly products: Float64Array;
  readonly squaredDistances: Float64Array;
}

/** A screen that was asked for: gives it. */
export type ScreenAlong = () => Promise<RowScreen[]>;

/**
 * Every operation on one tile: what a backend implements. Calls never overlap, but for `upload`,
 * which runs while other tiles are computed with.
 */
export interface TileKernels {
  readonly info: BackendInfo;
  /** Largest tile that one allocation can hold. */
  readonly maxTileBytes: number;
  /**
   * Bytes of rows that a shard should have: enough to hide what a launch costs, and few enough that
   * reading, computing and bringing home overlap.
   */
  readonly shardBytes: number;
  /**
   * The same for rows that are computed on where they lie in memory; undefined where none are. Their
   * shards have nothing to read ahead, and each costs a wait for all threads.
   */
  readonly inPlaceShardBytes?: number | undefined;
  /** Whether there is `leave`: rows in files are then computed on as others in place are. */
  readonly readsFiles?: boolean;
  /** How an order statistic is computed; undefined where there is but one way. */
  regimeOf?(work: Work): Regime;
  /** Columns [from, to) of the rows. */
  upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile>;
  /**
   * The same of rows that lie in files or in memory, and stay there: for a tile that one operation
   * alone reads, which is then the one that meets what `read` would have thrown.
   */
  leave?(rows: readonly HostRow[], from: number, to: number): Tile;
  /** A view: shares memory with `x`, which stays alive as long as either does. */
  select(x: Tile, rows: readonly number[]): Tile;
  /** `home`: where a single row will be brought. A body may compute it there, and `read` gives it. */
  combine(weights: Weights, x: Tile, home?: Float32Array): Promise<Tile>;
  rankMean(x: Tile, from: number, to: number): Promise<Tile>;
  nearestMean(x: Tile, center: Tile, count: number): Promise<Tile>;
  signSum(x: Tile): Promise<Tile>;
  deviation(x: Tile): Promise<Tile>;
  stack(x: Tile, y: Tile): Promise<Tile>;
  /** Column 0 of the tile is column `firstCol` of the words, a multiple of 4. */
  addLatticeNoise(x: Tile, noise: LatticeNoise, firstCol: number): Promise<Tile>;
  /** What no body has of itself: the operation brings it. */
  extra(operation: ExtraOperation, x: Tile, place: Place): Promise<Tile>;
  rankSum(x: Tile, from: number, to: number): Promise<Tile>;
  sumRows(x: Tile, groups: readonly (readonly number[])[]): Promise<Tile>;
  /**
   * n×n integers for each block of `blockCols` columns, where they are below 2⁵³: what is not may be any
   * number from there on, and is Infinity if a row has an entry that is not below 2²⁵ in magnitude.
   */
  squaredDistances(x: Tile, blockCols: number): Promise<Float64Array[]>;
  /**
   * One screen for each block of `blockCols` columns. Columns count from `firstCol` of the matrix
   * for the fingerprint, whose words depend on their place.
   */
  screen(x: Tile, firstCol: number, blockCols: number): Promise<RowScreen[]>;
  /**
   * A screen of a tile on the way of the operation that reads it next; undefined where `screen` does as
   * well. It is called for after that operation.
   */
  screenAlong?(x: Tile, firstCol: number, blockCols: number): ScreenAlong | undefined;
  /** Partial products and squared distances for each block of `blockCols` columns. */
  pairs(x: Tile, blockCols: number): Promise<PairBlock[]>;
  /**
   * Brings the tile home, row-major. Unless it is a `home` that was given, the array may be reused by the next call but one, failed ones
   * counted, so that a result can be used while the next one comes.
   */
  read(x: Tile): Promise<Float32Array>;
  /** Copies the one row of the tile to `byteOffset` of a buffer on the same device. */
  copyTo?(x: Tile, buffer: GPUBuffer, byteOffset: number): Promise<void>;
  free(x: Tile): void;
  /** Makes the device anew after `device-lost`; every tile made before is gone. */
  rebuild(): Promise<void>;
  close(): Promise<void>;
}
