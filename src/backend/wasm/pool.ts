/**
 * The thread pool of the wasm backend. A job is posted once to every worker; workers take its units
 * one by one from a counter in shared memory, so that any split of speeds balances, and send home
 * what they ran. Which worker runs which unit never shows in a result: results are put in the order
 * of units. This thread only awaits, so that timers and pages stay alive.
 *
 * Workers see shared memory and, under Node, files. Where a job lies elsewhere, this thread copies
 * unit after unit for them: see staging.ts.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import type { SpawnedWorker, WorkerSpawner } from '../../core/spawn.ts';
import { eventLoopTurn } from '../../core/turn.ts';
import type { Job, ReadRow, Team, UnitResult } from './job.ts';
import type { Order, Report } from './protocol.ts';
import { Runner } from './runner.ts';
import { bringHome, divide, type Hand, slotBytes, stagedUnit } from './staging.ts';

/** Slots are no more than fit into so many bytes … */
const MAX_SLOT_BYTES = 2 ** 26;
/** … but for so many, however large they are. */
const MIN_SLOTS = 2;
/** In larger teams, copying for the others is all that this thread has time for. */
const MAX_JOINED = 4;

/** What a pool is made of. */
export interface WorkerPoolOptions {
  /** Largest number of workers, at least 1. */
  readonly threads: number;
  /** The compiled kernels, which every worker gets. */
  readonly module: WebAssembly.Module;
  /** The text of the workers' script: see `worker.ts`. */
  readonly script: string;
  /** How rows in files are read, if the script does so. */
  readonly readRow?: ReadRow | undefined;
  readonly spawner: WorkerSpawner;
}

/** A worker of the pool. */
interface Member {
  readonly worker: SpawnedWorker;
  /** In shared memory, 1 once it has started. Before that it has taken no unit of any job. */
  readonly alive: Int32Array;
}

/** A job under way. */
interface Pending {
  readonly job: Job;
  /** Who may still run units of it. */
  readonly members: Set<Member>;
  /** The next unit to run, in shared memory. */
  readonly next: Int32Array;
  readonly results: (UnitResult | undefined)[];
  /** Units whose results are not yet here. */
  left: number;
  /** Why the job will be rejected, once nobody writes into its outputs any more. */
  failure?: BackendError;
  resolve(results: (UnitResult | undefined)[]): void;
  reject(error: BackendError): void;
}

/**
 * A team of workers, started when the first job comes. Where the platform refuses to start any, the
 * jobs are run on this thread instead.
 */
export class WorkerPool implements Team {
  readonly #options: WorkerPoolOptions;
  readonly #members = new Set<Member>();
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #lastWork = 0;
  /** Set where the platform has refused to start a worker: no more are tried. */
  #isRefused = false;
  #own: Runner | undefined;
  /** Shared memory for units of jobs that lie elsewhere. */
  readonly #slots: SharedArrayBuffer[] = [];
  #end: Promise<void> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  get readRow(): ReadRow | undefined {
    return this.#options.readRow;
  }

  /** Threads that run units at once. */
  get threads(): number {
    return this.#isRefused ? Math.max(1, this.#members.size) : this.#options.threads;
  }

  /**
   * Runs every unit of the job, wherever its rows and outputs lie; fastest where all of it lies in
   * shared memory. Jobs may overlap in time.
   *
   * @returns What came of each unit, in their order.
   * @throws {BackendError} `failed` if a unit throws or a worker dies: other jobs are not touched,
   * and later ones find a new worker; `closed` if the pool is or was closed.
   */
  async run(job: Job): Promise<(UnitResult | undefined)[]> {
    if (this.#end !== undefined) throw closed();
    if (slotBytes(job) > 0) return this.#runStaged(job);
    const members = this.#muster(Math.min(this.threads, job.units));
    return members.length === 0 ? this.#runHere(job) : this.#post(job, members);
  }

  /** Sends a job to workers, who know its work already by the id `known`, if there is one. */
  #post(job: Job, workers: readonly Member[], known?: number): Promise<(UnitResult | undefined)[]> {
    if (job.units === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const members = new Set(workers);
      const id = ++this.#lastId;
      const next = new Int32Array(new SharedArrayBuffer(4));
      const results = Array<UnitResult | undefined>(job.units).fill(undefined);
      const pending = { job, members, next, results, left: job.units, resolve, reject };
      // A job that cannot be posted throws at the first, and has held nobody.
      const posted = { ...job, work: known ?? job.work };
      for (const { worker } of members) {
        worker.post({ kind: 'job', id, job: posted, next } satisfies Order);
      }
      for (const { worker } of members) worker.hold(true);
      this.#pending.set(id, pending);
    });
  }

  /**
   * A job of which rows or outputs lie where workers do not see them. Each worker has two slots if
   * there is room: one is filled while it works on the other. In a small team this thread does units
   * in place besides, but none of pairs: one of them may take a second.
   */
  async #runStaged(job: Job): Promise<(UnitResult | undefined)[]> {
    const count = Math.min(this.threads, job.units);
    const { op } = job.work;
    const joins = count <= MAX_JOINED && op !== 'pairs' && op !== 'squaredDistances';
    const members = this.#muster(joins ? count - 1 : count);
    const bytes = slotBytes(job);
    const fitting = Math.max(MIN_SLOTS, Math.floor(MAX_SLOT_BYTES / bytes));
    const lanes = [...members, ...members].slice(0, fitting);
    const slots = lanes.map(() => this.#takeSlot(bytes));
    const known = this.#tell(members, job);
    const hands = lanes.map((member, i) => this.#handOf(member, { job, slot: slots[i]!, known }));
    if (joins || hands.length === 0) hands.push(this.#ownHand(job));
    try {
      return await divide(job.units, hands);
    } finally {
      this.#send(members, { kind: 'forget', id: known });
      if (this.#end === undefined) this.#giveSlots(slots);
    }
  }

  /** Sends the work of all units ahead. Returns the id by which it is known. */
  #tell(members: readonly Member[], { work }: Job): number {
    const id = ++this.#lastWork;
    this.#send(members, { kind: 'work', id, work });
    return id;
  }

  #send(members: readonly Member[], order: Order): void {
    for (const member of members) if (this.#members.has(member)) member.worker.post(order);
  }

  /** Copies a unit into the slot and has it done by the worker. */
  #handOf(
    member: Member,
    { job, slot, known }: { job: Job; slot: SharedArrayBuffer; known: number },
  ): Hand {
    return async (unit) => {
      const part = stagedUnit(job, unit, slot);
      const isThere = this.#members.has(member);
      const [result] = await (isThere ? this.#post(part, [member], known) : this.#runHere(part));
      bringHome(job, unit, part);
      return result;
    };
  }

  /** Does a unit on this thread, and then gives way to what else waits for it. */
  #ownHand(job: Job): Hand {
    return async (unit) => {
      if (this.#end !== undefined) throw closed();
      try {
        this.#own ??= new Runner(this.#options.module, this.readRow);
        return this.#own.run(job, unit);
      } catch (cause) {
        this.#own = undefined;
        const code = cause instanceof BackendError ? cause.code : 'failed';
        throw new BackendError(code, `unit ${unit} of a job failed: ${cause}`, { cause });
      } finally {
        await eventLoopTurn();
      }
    };
  }

  #runHere(job: Job): Promise<(UnitResult | undefined)[]> {
    return divide(job.units, [this.#ownHand(job)]);
  }

  /** The smallest slot that waits and fits: new memory is slow the first time. */
  #takeSlot(bytes: number): SharedArrayBuffer {
    const fitting = this.#slots.filter(({ byteLength }) => byteLength >= bytes);
    const slot = fitting.reduce<SharedArrayBuffer | undefined>(
      (best, one) => (best !== undefined && best.byteLength <= one.byteLength ? best : one),
      undefined,
    );
    if (slot !== undefined) {
      this.#slots.splice(this.#slots.indexOf(slot), 1);
      return slot;
    }
    try {
      return new SharedArrayBuffer(bytes);
    } catch (cause) {
      throw new BackendError('out-of-memory', `no room for ${bytes} bytes`, { cause });
    }
  }

  /** Keeps slots for the next job, the newest first, as far as the limit on all of them goes. */
  #giveSlots(slots: readonly SharedArrayBuffer[]): void {
    let bytes = 0;
    const kept = [...slots, ...this.#slots.splice(0)].filter(({ byteLength }, i) => {
      bytes += byteLength;
      return bytes <= MAX_SLOT_BYTES || i < MIN_SLOTS;
    });
    this.#slots.push(...kept);
  }

  /** Ends all workers. Jobs under way, if any, fail with `closed`. */
  close(): Promise<void> {
    this.#end ??= this.#endAll();
    return this.#end;
  }

  async #endAll(): Promise<void> {
    for (const { reject } of this.#pending.values()) reject(closed());
    this.#pending.clear();
    const members = [...this.#members];
    this.#members.clear();
    this.#slots.length = 0;
    await Promise.all(members.map(({ worker }) => worker.end()));
  }

  /** So many workers, or as many as there can be. */
  #muster(count: number): Member[] {
    while (this.#members.size < count && !this.#isRefused) this.#enlist();
    return [...this.#members].slice(0, count);
  }

  #enlist(): void {
    const { module, script, spawner } = this.#options;
    let member: Member | undefined;
    try {
      const worker = spawner.spawn(script, {
        onMessage: (message) => this.#hear(member!, message as Report),
        onFailure: (reason) => this.#lose(member!, reason),
      });
      member = { worker, alive: new Int32Array(new SharedArrayBuffer(4)) };
      worker.post({ kind: 'start', module, alive: member.alive } satisfies Order);
      this.#members.add(member);
    } catch {
      this.#isRefused = true;
    }
  }

  #hear(member: Member, report: Report): void {
    const pending = this.#pending.get(report.id);
    // Of a job that has failed meanwhile, or was done before this worker came to it.
    if (pending === undefined) return;
    pending.members.delete(member);
    if (report.kind === 'failed') {
      const { id, unit, code, reason } = report;
      this.#fail(id, new BackendError(code, `unit ${unit} of a job failed: ${reason}`));
      return;
    }
    for (const [unit, result] of report.results) pending.results[unit] = result;
    pending.left -= report.results.length;
    if (pending.failure !== undefined) this.#rejectOnceIdle(report.id, pending);
    else if (pending.left === 0) this.#settle(report.id).resolve(pending.results);
  }

  #lose(member: Member, cause: Error): void {
    this.#members.delete(member);
    const hasStarted = Atomics.load(member.alive, 0) === 1;
    if (!hasStarted) this.#isRefused = true;
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.members.delete(member)) continue;
      if (hasStarted) {
        this.#fail(
          id,
          new BackendError('failed', `a worker was lost: ${cause.message}`, { cause }),
        );
      } else if (pending.failure !== undefined) this.#rejectOnceIdle(id, pending);
      // The others do without it.
      else if (pending.members.size === 0) this.#takeOver(id);
    }
  }

  /** Runs a job here of whose workers none could be started. */
  #takeOver(id: number): void {
    const { job, resolve, reject } = this.#settle(id);
    this.#runHere(job).then(resolve, reject);
  }

  #fail(id: number, failure: BackendError): void {
    const pending = this.#pending.get(id)!;
    pending.failure ??= failure;
    // Nobody needs the rest.
    Atomics.store(pending.next, 0, pending.job.units);
    this.#rejectOnceIdle(id, pending);
  }

  /** Its outputs may be used again after that, so whoever still works on a unit is waited for. */
  #rejectOnceIdle(id: number, { failure, members }: Pending): void {
    if (members.size === 0) this.#settle(id).reject(failure!);
  }

  /** Takes a job off the list, and lets go of workers that have none. */
  #settle(id: number): Pending {
    const pending = this.#pending.get(id)!;
    this.#pending.delete(id);
    if (this.#pending.size === 0) for (const { worker } of this.#members) worker.hold(false);
    return pending;
  }
}

function closed(): BackendError {
  return new BackendError('closed', 'the backend was closed');
}
