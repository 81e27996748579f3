import { afterEach, describe, expect, test } from 'vitest';
import type { Job } from '../../../src/backend/wasm/job.ts';
import { kernelModule } from '../../../src/backend/wasm/module.ts';
import { networkProgram } from '../../../src/backend/wasm/network-program.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../../src/backend/wasm/pool.ts';
import type { Order } from '../../../src/backend/wasm/protocol.ts';
import { workerScript } from '../../../src/backend/wasm/worker.gen.ts';
import type { WorkerSpawner } from '../../../src/core/spawn.ts';
import { nodeSpawner } from '../../../src/core/spawn-node.ts';

const UNIT = 64;

let open: WorkerPool[] = [];
afterEach(async () => {
  await Promise.all(open.map((pool) => pool.close()));
  open = [];
});

async function poolOf(options: Partial<WorkerPoolOptions> = {}): Promise<WorkerPool> {
  const module = await kernelModule();
  const common = { threads: 2, module, script: workerScript, spawner: nodeSpawner };
  const pool = new WorkerPool({ ...common, ...options });
  open.push(pool);
  return pool;
}

/** Numbers in memory that threads share. */
function shared(values: ArrayLike<number>): Float32Array {
  const array = new Float32Array(new SharedArrayBuffer(4 * values.length));
  array.set(values);
  return array;
}

/** The signs of one row, a unit for each 64 of its entries. */
function signsOf(row: ArrayLike<number>): Job {
  return {
    work: { op: 'signSum' },
    rows: [shared(row)],
    out: [shared(Array(row.length).fill(0))],
    cols: row.length,
    unitCols: UNIT,
    units: Math.ceil(row.length / UNIT),
  };
}

/** −1, 0, 1, −1, 0, 1, … for so many units. */
function ramp(units: number): number[] {
  return Array.from({ length: units * UNIT }, (_, j) => (j % 3) - 1);
}

/** A job that no kernel knows. */
function unknownJob(units: number): Job {
  return { ...signsOf(ramp(units)), work: { op: 'nothing' } as unknown as Job['work'] };
}

/** The real worker, of which the one that takes the first unit of a job of 13 does `fault` instead. */
function scriptWith(fault: string): string {
  return `${workerScript}
    const serve = self.onmessage;
    self.onmessage = (event) => {
      const { job, next } = event.data;
      if (job?.units === 13 && Atomics.add(next, 0, 1) === 0) { ${fault} }
      serve(event);
    };`;
}

/** Counts the workers that were started, and those that hold the process. */
function counted(): { spawner: WorkerSpawner; started: () => number; holding: () => number } {
  let started = 0;
  const holding = new Set<number>();
  const spawner: WorkerSpawner = {
    ...nodeSpawner,
    spawn(script, events) {
      const worker = nodeSpawner.spawn(script, events);
      const id = started++;
      const hold = (busy: boolean): void => {
        if (busy) holding.add(id);
        else holding.delete(id);
        worker.hold(busy);
      };
      return { ...worker, hold };
    },
  };
  return { spawner, started: () => started, holding: () => holding.size };
}

/** Everything that workers were told, in order. */
function overheard(): { spawner: WorkerSpawner; orders: Order[] } {
  const orders: Order[] = [];
  const spawner: WorkerSpawner = {
    ...nodeSpawner,
    spawn(script, events) {
      const worker = nodeSpawner.spawn(script, events);
      const post = (order: unknown): void => {
        orders.push(order as Order);
        worker.post(order);
      };
      return { ...worker, post };
    },
  };
  return { spawner, orders };
}

describe('the thread pool', () => {
  test('runs every unit once, however many threads there are', async () => {
    const job = signsOf(ramp(50));
    for (const threads of [1, 2, 3, 7]) {
      const pool = await poolOf({ threads });
      job.out[0]!.fill(7);
      expect(await pool.run(job)).toEqual(Array(50).fill(undefined));
      expect([...job.out[0]!]).toEqual(ramp(50));
    }
  });

  test('gives what row operations return in the order of units', async () => {
    const pool = await poolOf({ threads: 3 });
    const row = Float32Array.from(ramp(20), (_, j) => Math.floor(j / UNIT));
    const job: Job = { ...signsOf(row), work: { op: 'screen' }, out: [] };
    const results = await pool.run(job);
    const norms = results.map(
      (result) => result && 'squaredNorms' in result && result.squaredNorms[0],
    );
    expect(norms).toEqual(Array.from({ length: 20 }, (_, unit) => UNIT * unit ** 2));
  });

  test('starts no worker before the first job, and none that would find no unit', async () => {
    const { spawner, started } = counted();
    const pool = await poolOf({ threads: 3, spawner });
    expect(started()).toBe(0);
    await pool.run(signsOf(ramp(2)));
    expect(started()).toBe(2);
    await pool.run(signsOf(ramp(9)));
    expect(started()).toBe(3);
  });

  test('holds the process while a job is under way and lets go of it after', async () => {
    const { spawner, holding } = counted();
    const pool = await poolOf({ spawner });
    const running = pool.run(signsOf(ramp(9)));
    expect(holding()).toBe(2);
    await running;
    expect(holding()).toBe(0);
    await expect(pool.run(unknownJob(9))).rejects.toThrow();
    expect(holding()).toBe(0);
  });

  test('has thousands of tiny jobs done, one after the other and at once', async () => {
    const pool = await poolOf();
    const job = signsOf(ramp(3));
    for (let i = 0; i < 2000; i++) await pool.run(job);
    const jobs = Array.from({ length: 1000 }, (_, i) => signsOf(ramp(i % 4)));
    const results = await Promise.all(jobs.map((each) => pool.run(each)));
    expect(results.map(({ length }) => length)).toEqual(jobs.map(({ units }) => units));
    expect(jobs.every(({ out }, i) => out[0]!.every((sign, j) => sign === ramp(i % 4)[j]))).toBe(
      true,
    );
  });

  test('lets timers run while it works', async () => {
    const pool = await poolOf({ threads: 1 });
    await pool.run(signsOf(ramp(1)));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    // More than 10 ms of work: on this thread, there would be no tick.
    await pool.run(signsOf(ramp(20_000)));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(1);
  });
});

describe('a job that fails', () => {
  test('is rejected with the unit and the reason, and the next one runs', async () => {
    const pool = await poolOf();
    await expect(pool.run(unknownJob(5))).rejects.toMatchObject({
      name: 'BackendError',
      code: 'failed',
      message: expect.stringMatching(/^unit \d of a job failed: \w*Error: /),
    });
    const job = signsOf(ramp(5));
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(ramp(5));
  });

  test('for lack of memory says so by its code, whoever did the unit', async () => {
    const wide = 70_000;
    const values = Array<number>(3 * wide).fill(1);
    const job: Job = { ...signsOf(values), rows: Array(32).fill(shared(values)), unitCols: wide };
    const outcome = { code: 'out-of-memory', message: expect.stringMatching(/^unit \d of a job /) };
    const { grow } = WebAssembly.Memory.prototype;
    const fault = "WebAssembly.Memory.prototype.grow = () => { throw new RangeError('no'); };";
    const pool = await poolOf({ script: fault + workerScript });
    try {
      await expect(pool.run({ ...job, units: 3 })).rejects.toMatchObject(outcome);
      WebAssembly.Memory.prototype.grow = () => {
        throw new RangeError('no');
      };
      await expect(pool.run({ ...unshared(job), units: 3 })).rejects.toMatchObject(outcome);
    } finally {
      WebAssembly.Memory.prototype.grow = grow;
    }
  });

  test('leaves others that are under way alone', async () => {
    const pool = await poolOf();
    const jobs = [signsOf(ramp(9)), unknownJob(9), signsOf(ramp(9))];
    const outcomes = await Promise.allSettled(jobs.map((job) => pool.run(job)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([...jobs[2]!.out[0]!]).toEqual(ramp(9));
  });

  test.each([
    ['ends', 'process.exit(3)', 'the thread ended with exit code 3'],
    ['throws where nobody catches', "throw new Error('a bolt')", 'a bolt'],
  ])('because its worker %s says so, and the next one gets a new worker', async (_, fault, why) => {
    const { spawner, started } = counted();
    const pool = await poolOf({ script: scriptWith(fault), spawner });
    const job = signsOf(ramp(5));
    await pool.run(job);
    await expect(pool.run(signsOf(ramp(13)))).rejects.toMatchObject({
      code: 'failed',
      message: `a worker was lost: ${why}`,
    });
    job.out[0]!.fill(7);
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(ramp(5));
    expect(started()).toBeGreaterThan(2);
    expect(pool.threads).toBe(2);
  });

  test('is rejected once nobody writes into its outputs any more', async () => {
    const pool = await poolOf({ script: scriptWith('process.exit(3)') });
    // The worker that is left has tens of milliseconds of its first unit before it.
    const unitCols = 400_000;
    const row = shared(Array(13 * unitCols).fill(1));
    const out = shared(Array(row.length).fill(0));
    const program = networkProgram(32, 3, 29);
    const work: Job['work'] = { op: 'rankMean', from: 3, to: 29, program };
    const rows = Array<Float32Array>(32).fill(row);
    const job: Job = { work, rows, out: [out], cols: row.length, unitCols, units: 13 };
    await expect(pool.run(job)).rejects.toMatchObject({ code: 'failed' });
    out.fill(7);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(out.every((value) => value === 7)).toBe(true);
  });

  test('because it cannot be posted throws what the platform says, and holds nothing', async () => {
    const { spawner, holding } = counted();
    const pool = await poolOf({ spawner });
    const job = { ...signsOf(ramp(5)), reason: () => {} };
    await expect(pool.run(job)).rejects.toThrow(/could not be cloned/);
    expect(holding()).toBe(0);
  });
});

/** The same, in memory that is not shared. */
function unshared(job: Job): Job {
  const copies = (rows: Job['rows']): Float32Array[] =>
    rows.map((row) => new Float32Array(row as Float32Array));
  return { ...job, rows: copies(job.rows), out: copies(job.out) };
}

describe('a job in memory that is not shared', () => {
  test.each([2, 3, 6])('has every unit done once by %d threads', async (threads) => {
    const pool = await poolOf({ threads });
    for (const units of [1, 2, 50]) {
      const job = unshared(signsOf(ramp(units)));
      expect(await pool.run(job)).toEqual(Array(units).fill(undefined));
      expect([...job.out[0]!]).toEqual(ramp(units));
    }
  });

  test('may have a last unit that is narrower, and some rows in shared memory', async () => {
    const pool = await poolOf();
    const values = ramp(4).slice(0, -7);
    const [plain, both] = [unshared(signsOf(values)), signsOf(values)];
    const job = { ...both, rows: [...plain.rows, ...both.rows, ...plain.rows] };
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(values.map((value) => 3 * value));
  });

  test('counts columns of a screen from the first of the matrix', async () => {
    const pool = await poolOf({ threads: 6 });
    const shared = { ...signsOf(ramp(20)), work: { op: 'screen' } as const, firstCol: 5, out: [] };
    expect(await pool.run(unshared(shared))).toEqual(await pool.run(shared));
  });

  test('has its work sent once to each worker, and forgotten', async () => {
    const { spawner, orders } = overheard();
    const pool = await poolOf({ spawner, threads: 3 });
    const row = ramp(40);
    const { rows, out, ...rest } = unshared(signsOf(row));
    const weights = [2, 3, 5].map((weight) => Float64Array.of(weight));
    const outputs = weights.map(() => out[0]!.slice());
    await pool.run({ ...rest, work: { op: 'combine', weights }, rows, out: outputs });
    expect(outputs.map((output) => [...output])).toEqual(
      [2, 3, 5].map((weight) => row.map((value) => weight * value + 0)),
    );
    const kinds = (kind: Order['kind']): Order[] => orders.filter((order) => order.kind === kind);
    // This thread and two workers.
    expect([kinds('work').length, kinds('forget').length]).toEqual([2, 2]);
    expect(kinds('job').length).toBeGreaterThan(0);
    for (const order of kinds('job')) {
      expect((order as Order & { kind: 'job' }).job.work).toBeTypeOf('number');
    }
  });

  test('leaves slots for the next, but those of long ago only as far as there is room', async () => {
    const { spawner, orders } = overheard();
    const pool = await poolOf({ spawner });
    const slotsOf = async (cols: number): Promise<Set<ArrayBufferLike>> => {
      orders.length = 0;
      const [row, out] = [new Float32Array(3 * cols).fill(1), new Float32Array(3 * cols)];
      const size = { cols: 3 * cols, unitCols: cols, units: 3 };
      await pool.run({ work: { op: 'signSum' }, rows: [row], out: [out], ...size });
      const posted = orders.filter((order) => order.kind === 'job');
      return new Set(posted.map(({ job }) => (job.rows[0] as Float32Array).buffer));
    };
    // Two slots of 40 MB stay, though 64 MiB is the limit, and those of 24 MB are let go for them.
    const small = await slotsOf(3_000_000);
    expect(small.has([...(await slotsOf(3_000_000))][0]!)).toBe(true);
    const large = await slotsOf(5_000_000);
    for (const slot of await slotsOf(3_000_000)) {
      expect([large.has(slot), small.has(slot)]).toEqual([true, false]);
    }
  });

  test('fails as others do, and the next one runs', async () => {
    const { spawner, holding } = counted();
    const pool = await poolOf({ spawner });
    await expect(pool.run(unshared(unknownJob(9)))).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^unit \d of a job failed: \w*Error: /),
    });
    expect(holding()).toBe(0);
    const job = unshared(signsOf(ramp(9)));
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(ramp(9));
  });

  test('fails where a worker dies with a unit of it, and the next one gets a new worker', async () => {
    // Staged units are jobs of one unit; of so many threads this one does none.
    const script = scriptWith('process.exit(3)').replace('=== 13', '=== 1 && job.cols === 13');
    const pool = await poolOf({ script, threads: 6 });
    const deadly = unshared(signsOf(ramp(9).slice(51)));
    const failure = {
      code: 'failed',
      message: 'a worker was lost: the thread ended with exit code 3',
    };
    await expect(pool.run(deadly)).rejects.toMatchObject(failure);
    const job = unshared(signsOf(ramp(9)));
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(ramp(9));
  });

  test('is rejected when the pool is closed, and all of it has stopped', async () => {
    const pool = await poolOf();
    const job = unshared(signsOf(ramp(20_000)));
    const outcome = expect(pool.run(job)).rejects.toMatchObject({ code: 'closed' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await pool.close();
    await outcome;
  });
});

describe('a platform that refuses workers', () => {
  const refusals: [string, WorkerSpawner, string][] = [
    [
      'at once',
      {
        ...nodeSpawner,
        spawn() {
          throw new Error('not permitted');
        },
      },
      workerScript,
    ],
    ['when they start', nodeSpawner, "throw new Error('not permitted')"],
  ];
  test('when they start has staged units done here', async () => {
    const pool = await poolOf({ threads: 6, script: "throw new Error('not permitted')" });
    const job = unshared(signsOf(ramp(50)));
    await pool.run(job);
    expect([...job.out[0]!]).toEqual(ramp(50));
  });

  test.each(refusals)('%s has jobs done on this thread', async (_, spawner, script) => {
    const pool = await poolOf({ spawner, script });
    for (const job of [signsOf(ramp(5)), signsOf(ramp(5)), unshared(signsOf(ramp(5)))]) {
      await pool.run(job);
      expect([...job.out[0]!]).toEqual(ramp(5));
    }
    expect(pool.threads).toBe(1);
    await expect(pool.run(unknownJob(5))).rejects.toMatchObject({ code: 'failed' });
  });
});

describe('a closed pool', () => {
  const closed = { name: 'BackendError', code: 'closed' };

  test('refuses jobs, and may be closed again', async () => {
    const pool = await poolOf();
    await pool.run(signsOf(ramp(3)));
    await pool.close();
    await pool.close();
    await expect(pool.run(signsOf(ramp(3)))).rejects.toMatchObject(closed);
  });

  test('starts no worker if none was started', async () => {
    const { spawner, started } = counted();
    const pool = await poolOf({ spawner });
    await pool.close();
    await expect(pool.run(signsOf(ramp(3)))).rejects.toMatchObject(closed);
    expect(started()).toBe(0);
  });

  test('rejects the job under way at once, though its workers would never end', async () => {
    const pool = await poolOf({ script: scriptWith('for (;;);') });
    const running = pool.run(signsOf(ramp(13)));
    const outcome = expect(running).rejects.toMatchObject(closed);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await pool.close();
    await outcome;
  });
});
