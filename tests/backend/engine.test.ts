import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/backend/engine.ts';
import type { RowSource, Tile, TileKernels } from '../../src/backend/kernels.ts';
import { blockColumns } from '../../src/backend/pass.ts';
import { ReferenceKernels } from '../../src/backend/reference/reference.ts';
import { BackendError } from '../../src/core/errors.ts';
import { randomRows } from './parity.ts';

/** The reference, with a log of uploads and a fault where a test wants one. */
class FaultyKernels extends ReferenceKernels {
  readonly uploads: [number, number][] = [];
  /** Rows of each upload. */
  readonly rowCounts: number[] = [];
  override shardBytes: number = 2 ** 28;
  freed = 0;
  rebuilt = 0;
  /** Called before each upload; throws to inject a fault. */
  beforeUpload: (columns: number) => void = () => {};

  override async upload(rows: readonly RowSource[], from: number, to: number): Promise<Tile> {
    this.beforeUpload(to - from);
    this.uploads.push([from, to]);
    this.rowCounts.push(rows.length);
    return super.upload(rows, from, to);
  }
  override free(): void {
    this.freed++;
  }
  override async rebuild(): Promise<void> {
    this.rebuilt++;
  }
}

const rows = randomRows(3, 200_000);
const rowBytes = 4 * 200_000;

function engine(kernels: TileKernels, memory?: number): Engine {
  return new Engine(kernels, memory === undefined ? {} : { memory });
}

describe('shards', () => {
  test('an expression that fits the budget is uploaded once and stays', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels);
    const x = e.matrix(rows);
    await e.pairs(x);
    await e.read(e.rankMean(x, 1, 2));
    expect(kernels.uploads).toEqual([[0, 200_000]]);
  });

  test('one that does not is cut into whole blocks for rows, whole units for columns', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 4 * 70_000 * 4);
    const x = e.matrix(rows);
    await e.pairs(x);
    expect(kernels.uploads).toEqual([
      [0, 65_536],
      [65_536, 131_072],
      [131_072, 196_608],
      [196_608, 200_000],
    ]);
    kernels.uploads.length = 0;
    // Three rows, as many of the next shard and a result of one: 40,000 columns, whole 64s.
    await e.read(e.rankMean(x, 0, 1));
    expect(kernels.uploads.map(([from, to]) => to - from)).toEqual(Array(5).fill(40_000));
    expect(e.peakTileBytes).toBeLessThanOrEqual(4 * 70_000 * 4);
  });

  test('every tile that was made is freed', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 4 * 70_000 * 4);
    const x = e.matrix(rows);
    const made = { count: 0 };
    const upload = kernels.upload.bind(kernels);
    kernels.upload = (...args) => {
      made.count++;
      return upload(...args);
    };
    await e.read(x);
    expect(kernels.freed).toBe(made.count);
  });

  test('row results come once for each expression, however often they are asked for', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 4 * 70_000 * 4);
    const x = e.matrix(rows);
    await Promise.all([
      e.pairs(x),
      e.pairs(x),
      e.screen(x),
      e.countNonFinite(x),
      e.squaredNorms(x),
    ]);
    expect(kernels.uploads.length).toBe(8);
  });

  test('a budget below one block is refused with the bytes that it takes', async () => {
    const e = engine(new ReferenceKernels(), 1000);
    const x = e.matrix(rows);
    await expect(e.pairs(x)).rejects.toThrow(
      `memory must be at least ${3 * 4 * 65_536} bytes for 3 rows of 65536 columns, got 1000`,
    );
    await expect(e.pairs(x)).rejects.toMatchObject({ code: 'limit' });
    const short = e.matrix(randomRows(3, 100));
    await expect(e.pairs(short)).rejects.toThrow('at least 1200 bytes for 3 rows of 100 columns');
  });

  test('blocks narrow with the number of rows, by that number alone', () => {
    expect([1, 10, 256, 257, 1024, 4096].map(blockColumns)).toEqual([
      65_536, 65_536, 65_536, 32_768, 16_384, 4096,
    ]);
  });

  test('shards are streamed in column order, once each', async () => {
    const e = engine(new ReferenceKernels(), 4 * 70_000 * 4);
    const seen: [number, number, number][] = [];
    await e.stream(e.matrix(rows), (tile, from, to) => {
      seen.push([from, to, tile.length]);
    });
    expect(seen.at(0)?.[0]).toBe(0);
    expect(seen.at(-1)?.[1]).toBe(200_000);
    for (const [k, [from, to, length]] of seen.entries()) {
      expect(from).toBe(k === 0 ? 0 : seen[k - 1]![1]);
      expect(length).toBe(3 * (to - from));
    }
  });
});

describe('one pass', () => {
  /** Shards of one block, all of which fit the budget. */
  function shortShards(): FaultyKernels {
    const kernels = new FaultyKernels();
    kernels.shardBytes = 4 * 3 * 65_536;
    return kernels;
  }

  test('shards are as large as the body likes them, and all stay where they fit', async () => {
    const kernels = shortShards();
    const e = engine(kernels);
    const x = e.matrix(rows);
    await e.pairs(x);
    expect(kernels.uploads.length).toBe(4);
    await e.read(e.rankMean(x, 1, 2));
    await e.read(e.select(x, [1]));
    expect(kernels.uploads.length).toBe(4);
    expect(kernels.freed).toBe(0 + 4 + 4);
  });

  test('the next shard is read while one is computed with', async () => {
    const kernels = shortShards();
    const e = engine(kernels);
    const uploadsAtCompute: number[] = [];
    const rankMean = kernels.rankMean.bind(kernels);
    kernels.rankMean = async (tile, from, to) => {
      // Uploads begin in the microtasks that follow.
      await Promise.resolve();
      uploadsAtCompute.push(kernels.uploads.length);
      return rankMean(tile, from, to);
    };
    await e.read(e.rankMean(e.matrix(rows), 0, 1));
    expect(uploadsAtCompute).toEqual([2, 3, 4, 4]);
  });

  test('where two shards do not fit the budget, one is held at a time', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 4 * 65_536);
    await e.pairs(e.matrix(rows));
    expect(kernels.uploads.length).toBe(4);
    expect(e.peakTileBytes).toBe(4 * 3 * 65_536);
  });

  test('selected rows alone are read where the others are for nobody', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels);
    const x = e.matrix(rows);
    const weights = [[0, 0.5, 0]];
    expect([...(await e.read(e.combine(weights, x))).subarray(0, 9)]).toEqual(
      [...rows[1]!.subarray(0, 9)].map((value) => value / 2),
    );
    expect(kernels.rowCounts).toEqual([1]);
    // Rows 2 and 0 in this order, and row 1 for another node of the same expression.
    const both = e.stack(e.select(x, [2, 0]), e.select(x, [1]));
    const home = await e.read(both);
    for (const [k, row] of [2, 0, 1].entries()) {
      expect(home[k * 200_000 + 7]).toBe(rows[row]![7]);
    }
    expect(kernels.rowCounts).toEqual([1, 3]);
    // All rows were read, and stay: whatever comes then looks at them.
    await e.read(e.combine(weights, x));
    expect(kernels.rowCounts).toEqual([1, 3]);
  });

  test('several results are read in one pass', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const x = e.matrix(rows);
    const xs = [e.rankMean(x, 1, 2), e.select(x, [2, 0]), e.rankMean(x, 0, 3)];
    const together = await e.readAll(xs);
    expect(kernels.uploads.length).toBe(Math.ceil(200_000 / kernels.uploads[0]![1]));
    const alone = await Promise.all(xs.map((one) => e.read(one)));
    expect(together).toEqual(alone);
    expect(await e.readAll([])).toEqual([]);
    await expect(e.readAll([x, e.matrix([new Float32Array(3)])])).rejects.toThrow('equally wide');
  });

  test('a result goes into an array of the caller, whatever is in it', async () => {
    const e = engine(shortShards(), 4 * 70_000 * 9);
    const both = e.select(e.matrix(rows), [2, 0]);
    const into = new Float32Array(400_000).fill(Number.NaN);
    expect(await e.read(both, into)).toBe(into);
    expect(into).toEqual(await e.read(both));
  });

  test('an array that a result does not fit is refused before anything is read', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const x = e.select(e.matrix(rows), [1]);
    await expect(e.read(x, new Float32Array(7))).rejects.toThrow(
      new RangeError('into must have 200000 entries, got 7'),
    );
    await expect(e.read(x, [] as unknown as Float32Array)).rejects.toThrow(
      'into must be a Float32Array, got ',
    );
    expect(kernels.uploads).toEqual([]);
  });

  test('rows are screened on the way of whatever pass reads all of them', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const calm = engine(new ReferenceKernels());
    const x = e.matrix(rows);
    e.screenAlong(x);
    // This one reads a single row.
    await e.read(e.select(x, [1]));
    const before = kernels.uploads.length;
    await e.read(e.rankMean(x, 1, 2));
    const after = kernels.uploads.length;
    expect(after - before).toBe(4);
    expect(await e.screen(x)).toEqual(await calm.screen(calm.matrix(rows)));
    expect(kernels.uploads.length).toBe(after);
    e.screenAlong(x);
    await e.read(e.rankMean(x, 0, 1));
    expect(kernels.uploads.at(-1)![1]).toBe(200_000);
  });

  test('a pass that fails leaves the screen to the next', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const x = e.matrix(rows);
    e.screenAlong(x);
    let calls = 0;
    const stop = (): void => {
      calls++;
      if (calls === 2) throw new Error('the sink is full');
    };
    await expect(e.stream(x, stop)).rejects.toThrow('the sink is full');
    await e.read(x);
    const calm = engine(new ReferenceKernels());
    const uploads = kernels.uploads.length;
    expect(await e.screen(x)).toEqual(await calm.screen(calm.matrix(rows)));
    expect(kernels.uploads.length).toBe(uploads);
  });

  test('every tile of a pass that fails is freed, those read ahead included', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const stop = (): void => {
      throw new Error('the sink is full');
    };
    await expect(e.stream(e.matrix(rows), stop)).rejects.toThrow('the sink is full');
    // The next shard was computed while the sink worked, and the one after it uploaded.
    expect(kernels.uploads.length).toBe(3);
    expect(kernels.freed).toBe(3);
  });

  test('a sink has its shard while the next is computed, and never two at once', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 70_000 * 9);
    const [x, seen] = [e.matrix(rows), [] as number[]];
    let busy = 0;
    await e.stream(e.rankMean(x, 1, 2), async (tile, from, to) => {
      expect(++busy).toBe(1);
      const uploads = kernels.uploads.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (to < 200_000 - 65_536) expect(kernels.uploads.length).toBeGreaterThan(uploads);
      seen.push(from, ...tile.subarray(0, 2));
      busy--;
    });
    const whole = await e.read(e.rankMean(x, 1, 2));
    const starts = seen.filter((_, k) => k % 3 === 0);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(seen).toEqual(starts.flatMap((from) => [from, whole[from], whole[from + 1]]));
  });

  test('a sink keeps its shard while the next is tried again', async () => {
    const kernels = shortShards();
    // Two arrays in turn, as bodies have them, and one reading that fails after its turn.
    const homes = [new Float32Array(0), new Float32Array(0)];
    let reads = 0;
    const read = kernels.read.bind(kernels);
    kernels.read = async (tile) => {
      const home = await read(tile);
      const turn = reads++ % 2;
      if (homes[turn]!.length < home.length) homes[turn] = new Float32Array(home.length);
      if (reads === 2) throw new BackendError('out-of-memory', 'no room to read back');
      homes[turn]!.set(home);
      return homes[turn]!.subarray(0, home.length);
    };
    const e = engine(kernels);
    const out = new Float32Array(200_000);
    const x = e.matrix(rows);
    await e.stream(e.rankMean(x, 1, 2), async (tile, from) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      out.set(tile, from);
    });
    expect(reads).toBeGreaterThan(4);
    expect(out).toEqual(await engine(new ReferenceKernels()).read(e.rankMean(x, 1, 2)));
  });

  test('where a sink and the shard after it fail, the sink failed first', async () => {
    const kernels = shortShards();
    const e = engine(kernels);
    const upload = kernels.upload.bind(kernels);
    kernels.upload = async (sources, from, to) => {
      if (from > 0) throw new Error('the row is broken');
      return upload(sources, from, to);
    };
    for (const wait of [0, 30]) {
      const full = async (): Promise<void> => {
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        throw new Error('the disk is full');
      };
      await expect(e.stream(e.matrix(rows), full)).rejects.toThrow('the disk is full');
    }
  });

  test('a screen on the way never makes a budget too small that serves without it', async () => {
    const kernels = shortShards();
    const e = engine(kernels, 4 * 4 * 65_536);
    const x = e.matrix(rows);
    e.screenAlong(x);
    const mixed = e.combine(
      [0, 1, 2].map((k) => [k, 1, 1]),
      x,
    );
    expect((await e.read(mixed)).length).toBe(600_000);
    expect((await e.screen(x)).nonFinite).toEqual(Uint32Array.of(0, 0, 0));
  });

  test('an expression tells the kernels that it runs', () => {
    const e = engine(new ReferenceKernels());
    const x = e.matrix(rows);
    const near = e.nearestMean(e.combine([[1, 2, 3]], x), e.select(x, [0]), 1);
    expect(e.explain(near)).toEqual(['combine', 'nearestMean']);
    expect(e.explain(x)).toEqual([]);
  });
});

describe('faults', () => {
  test('out of memory halves the shard and changes no bit', async () => {
    const kernels = new FaultyKernels();
    kernels.beforeUpload = (columns) => {
      if (columns > 70_000) throw new BackendError('out-of-memory', 'injected');
    };
    const e = engine(kernels);
    const calm = engine(new ReferenceKernels());
    expect(await e.pairs(e.matrix(rows))).toEqual(await calm.pairs(calm.matrix(rows)));
    expect(kernels.uploads[0]).toEqual([0, 65_536]);
  });

  test('out of memory at the smallest shard is an error', async () => {
    const kernels = new FaultyKernels();
    kernels.beforeUpload = () => {
      throw new BackendError('out-of-memory', 'injected');
    };
    const e = engine(kernels);
    await expect(e.read(e.matrix(rows))).rejects.toMatchObject({ code: 'out-of-memory' });
  });

  test('sources kept from before make room first', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels);
    await e.read(e.matrix(rows));
    let full = true;
    kernels.beforeUpload = () => {
      if (full) {
        full = false;
        throw new BackendError('out-of-memory', 'injected');
      }
    };
    await e.read(e.matrix(rows));
    expect(kernels.uploads).toEqual([
      [0, 200_000],
      [0, 200_000],
    ]);
    expect(kernels.freed).toBe(1);
  });

  test('out of memory beside the uploaded rows halves the shard, however often they are kept', async () => {
    const kernels = new FaultyKernels();
    const rankMean = kernels.rankMean.bind(kernels);
    kernels.rankMean = async (tile, from, to) => {
      if (tile.cols > 70_000) throw new BackendError('out-of-memory', 'injected');
      return rankMean(tile, from, to);
    };
    // Rows fit the budget and are kept at once: giving them up is no room gained.
    kernels.beforeUpload = () => {
      if (kernels.uploads.length > 9) throw new Error('uploaded for ever');
    };
    const e = engine(kernels);
    const calm = engine(new ReferenceKernels());
    expect(await e.read(e.rankMean(e.matrix(rows), 1, 2))).toEqual(
      await calm.read(calm.rankMean(calm.matrix(rows), 1, 2)),
    );
  });

  test.each(['out-of-memory', 'device-lost'] as const)(
    'a sink that fails with %s is not called again: the fault is not of this backend',
    async (code) => {
      const e = engine(new FaultyKernels());
      let calls = 0;
      const sink = (): void => {
        calls++;
        if (calls > 9) throw new Error('called for ever');
        throw new BackendError(code, 'of another backend');
      };
      await expect(e.stream(e.matrix(rows), sink)).rejects.toThrow('of another backend');
      expect(calls).toBe(1);
    },
  );

  test('a lost device is rebuilt and the shard done again, its outcome counted once', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 4 * 70_000 * 4);
    let uploads = 0;
    kernels.beforeUpload = () => {
      uploads++;
      if (uploads === 3) throw new BackendError('device-lost', 'injected');
    };
    const calm = engine(new ReferenceKernels());
    expect(await e.pairs(e.matrix(rows))).toEqual(await calm.pairs(calm.matrix(rows)));
    expect(kernels.rebuilt).toBe(1);
  });

  test('distances of integers are added up over shards, each once though a device is lost', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 4 * 70_000 * 4);
    let uploads = 0;
    kernels.beforeUpload = () => {
      uploads++;
      if (uploads === 2) throw new BackendError('device-lost', 'injected');
    };
    // Columns of the second and of the last of four blocks.
    const x = [0, 3, 0].map((entry, i) => {
      const row = new Int32Array(200_000);
      row[65_536] = entry;
      row[199_999] = -i;
      return row;
    });
    expect(await e.squaredDistances(e.words(x))).toEqual(
      Float64Array.of(0, 9 + 1, 4, 9 + 1, 0, 9 + 1, 4, 9 + 1, 0),
    );
    expect(kernels.uploads.at(-1)).toEqual([196_608, 200_000]);
    expect(kernels.rebuilt).toBe(1);
  });

  test('distances that only all shards together make too large are refused, with their rows', async () => {
    const e = engine(new FaultyKernels(), 4 * 70_000 * 4);
    // 131,072 squares of 2¹⁸ are 2⁵³; 65,536 of them, those of one block, are not.
    const x = [0, 0, 2 ** 18].map((entry) => new Int32Array(131_072).fill(entry));
    await expect(e.squaredDistances(e.words(x))).rejects.toThrow(
      `squared distances must be below 2^53, got ${2 ** 53} of rows 0 and 2`,
    );
    x[2]![131_071] = 0;
    expect((await e.squaredDistances(e.words(x)))[5]).toBe(2 ** 53 - 2 ** 36);
  });

  test('a device that is lost at every try is given up', async () => {
    const kernels = new FaultyKernels();
    kernels.beforeUpload = () => {
      throw new BackendError('device-lost', 'injected');
    };
    const e = engine(kernels);
    await expect(e.read(e.matrix(rows))).rejects.toMatchObject({ code: 'device-lost' });
    expect(kernels.rebuilt).toBe(2);
  });

  test('a row that cannot be read fails the call, and the next call works', async () => {
    const e = engine(new ReferenceKernels());
    const broken = {
      cols: 200_000,
      read: () => {
        throw new Error('the disk is gone');
      },
    };
    await expect(e.screen(e.matrix([rows[0]!, broken]))).rejects.toThrow('the disk is gone');
    await expect(e.screen(e.matrix(rows))).resolves.toBeDefined();
  });

  test('a closed backend says so', async () => {
    const e = engine(new ReferenceKernels());
    const x = e.matrix(rows);
    await e.close();
    await e.close();
    await expect(e.read(x)).rejects.toMatchObject({ code: 'closed' });
  });

  test('a closed backend says so of results that it remembers, too', async () => {
    const e = engine(new ReferenceKernels());
    const x = e.matrix(rows);
    await e.pairs(x);
    await e.screen(x);
    await e.close();
    await expect(e.pairs(x)).rejects.toMatchObject({ code: 'closed' });
    await expect(e.screen(x)).rejects.toMatchObject({ code: 'closed' });
  });

  test('copyTo needs a backend with device buffers', async () => {
    const e = engine(new ReferenceKernels());
    await expect(e.copyTo(e.matrix(rows), {} as GPUBuffer)).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('memory', () => {
  test('kept sources give way to new ones, oldest first', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels, 7 * rowBytes);
    const [a, b, c] = [e.matrix(rows), e.matrix(rows), e.matrix(rows)];
    for (const x of [a, b, c, c]) await e.read(x);
    expect(kernels.uploads.length).toBe(3);
    expect(e.peakTileBytes).toBeLessThanOrEqual(7 * rowBytes);
    await e.read(a);
    expect(kernels.uploads.length).toBe(4);
  });

  test('kept sources give way to what is computed, not only to other sources', async () => {
    const memory = 2 * 3 * rowBytes;
    const e = engine(new FaultyKernels(), memory);
    const [a, b] = [e.matrix(rows), e.matrix(rows)];
    await e.read(a);
    await e.read(b);
    const mixed = Array.from({ length: 3 }, (_, i) => [i, 1, 1]);
    await e.read(e.combine(mixed, b));
    expect(e.peakTileBytes).toBeLessThanOrEqual(memory);
  });

  test('a shard is cut where its rows, padded to whole units, would exceed a buffer', async () => {
    const kernels = new FaultyKernels();
    Object.defineProperty(kernels, 'maxTileBytes', { value: 4 * 100 });
    const e = engine(kernels);
    await e.read(e.matrix([new Float32Array(100)]));
    expect(kernels.uploads).toEqual([
      [0, 64],
      [64, 100],
    ]);
  });

  test('partial results of many rows count: a shard has fewer blocks', async () => {
    const kernels = new FaultyKernels();
    // 512 rows: blocks of 32,768 columns, 64 MiB, and partials of 4 MiB each.
    expect(blockColumns(512)).toBe(32_768);
    const widths: number[] = [];
    kernels.upload = async (_, from, to) => {
      widths.push(to - from);
      return { rows: 512, cols: to - from };
    };
    const n2 = 512 ** 2;
    const partial = () => ({
      products: new Float64Array(n2),
      squaredDistances: new Float64Array(n2),
    });
    kernels.pairs = async () => [partial()];
    const e = engine(kernels, 2 * 2 ** 26);
    const row = { cols: 65_536, read: () => {} };
    await e.pairs(e.matrix(Array.from({ length: 512 }, () => row)));
    expect(widths).toEqual([32_768, 32_768]);
  });

  test('a sink that writes into its tile changes no later result', async () => {
    const e = engine(new ReferenceKernels());
    const x = e.matrix([Float32Array.of(1, 2)]);
    await e.stream(x, (tile) => void tile.fill(7));
    expect(await e.read(x)).toEqual(Float32Array.of(1, 2));
  });

  test('released sources are freed', async () => {
    const kernels = new FaultyKernels();
    const e = engine(kernels);
    const x = e.matrix(rows);
    await e.read(e.rankMean(x, 0, 1));
    e.release(x);
    await e.read(e.matrix([Float32Array.of(1)]));
    expect(kernels.freed).toBe(2);
  });
});
