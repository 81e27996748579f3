/**
 * Whether each model follows from what came in: aggregates are made again from their updates by the same
 * rule on the same backend, models from their aggregates by the same optimiser, both bit for bit.
 *
 * An aggregate with noise cannot be made again: its seed is gone. Its model can.
 *
 * @module
 */

import type { Backend, BackendName } from '../../backend/kernels.ts';
import { counted } from '../../core/counted.ts';
import { BackendError } from '../../core/errors.ts';
import { readReport } from '../report-file.ts';
import type { RoundInput, RoundWork } from '../round-io.ts';
import { workOf } from '../round-phases.ts';
import { factsOf, RoundWorker } from '../round-work.ts';
import type { RunState } from '../run-state.ts';
import { DryBlobs } from '../store/dry-blobs.ts';
import { type Evidence, Mismatch, replay, type Step } from './check.ts';

/** What models are made again with. */
export interface Remaking extends Evidence {
  /** A backend by its name, `undefined` for the one that this machine prefers; stays open. */
  readonly backendOf: (name: BackendName | undefined) => Promise<Backend>;
}

/**
 * @throws {Mismatch} at the first aggregate or model that is not what comes out again.
 */
export async function checkModels(remaking: Remaking): Promise<string> {
  const own = new Remaker(remaking);
  for await (const step of replay(remaking)) await own.look(step);
  return own.summary;
}

/** Does the work of rounds again, and writes nothing. */
class Remaker {
  readonly #remaking: Remaking;
  readonly #blobs: DryBlobs;
  readonly #workers = new Map<Backend, RoundWorker>();
  readonly #unknown = new Set<string>();
  #aggregates = 0;
  #models = 0;
  #noised = 0;
  #masked = 0;
  #foreign = 0;
  #reference: string | undefined;

  constructor(remaking: Remaking) {
    this.#remaking = remaking;
    this.#blobs = new DryBlobs(remaking.run.blobs.folder);
  }

  get summary(): string {
    const { rule, optimizer } = this.#remaking.config;
    const parts = [
      `${counted(this.#aggregates, 'aggregate')} by ${rule}`,
      `${counted(this.#models, 'model')} by ${optimizer}, bit for bit`,
    ];
    if (this.#noised > 0) parts.push(`${this.#noised} with noise that cannot be drawn again`);
    if (this.#masked > 0) parts.push(`${this.#masked} of masked updates, below`);
    if (this.#foreign > 0) {
      const why = [...this.#unknown].join(', ');
      parts.push(`${this.#foreign} not made again, for want of the backend ${why}`);
    }
    return parts.join('; ');
  }

  async look({ logged, event, state }: Step): Promise<void> {
    if (event.type === 'round.aggregated') {
      const { policy } = state.round!;
      // Aggregates of masked updates are made again where their sums are checked.
      if (policy.secure) this.#masked++;
      else if (policy.noise !== 'none') this.#noised++;
      else await this.#aggregate({ logged, event, state });
    } else if (event.type === 'round.published') {
      await this.#publish({ logged, event, state });
      this.#reference = state.round!.aggregate;
    }
  }

  async #aggregate({ logged, event, state }: Step): Promise<void> {
    const { blob, report } = event.body as { readonly blob: string; readonly report?: string };
    const { run } = this.#remaking;
    const made = report === undefined ? undefined : await readReport(run.blobs, report);
    const name = made?.backend;
    const backend = await this.#backend(name);
    if (backend === undefined) {
      this.#foreign++;
      return;
    }
    const result = await this.#again(state, backend);
    if (result.kind !== 'aggregated') throw new Mismatch(logged, whyNot(result));
    if (result.blob !== blob) {
      const { rule } = this.#remaking.config;
      const other = `${rule} on ${backend.info.name} makes ${result.blob} of the same updates`;
      throw new Mismatch(logged, `the aggregate is ${blob}, ${other}`);
    }
    this.#aggregates++;
  }

  async #publish({ logged, event, state }: Step): Promise<void> {
    const { model, optimizer } = event.body as {
      readonly model: string;
      readonly optimizer?: string;
    };
    // Steps of optimisers are made on the host, whatever the backend is.
    const result = await this.#again(state, await this.#remaking.backendOf('reference'));
    if (result.kind !== 'stepped') throw new Mismatch(logged, whyNot(result));
    const { optimizer: spec } = this.#remaking.config;
    if (result.model !== model) {
      const made = `${spec} makes ${result.model} of the same aggregate`;
      throw new Mismatch(logged, `the model is ${model}, ${made}`);
    }
    if (optimizer !== undefined && result.optimizer !== optimizer) {
      const made = `${spec} comes to ${result.optimizer}`;
      throw new Mismatch(logged, `the optimiser's state is ${optimizer}, ${made}`);
    }
    this.#models++;
  }

  #again(state: RunState, backend: Backend): Promise<RoundInput> {
    const reference = this.#reference;
    const facts = factsOf(state, {
      signal: new AbortController().signal,
      ...(reference !== undefined && { reference }),
    });
    return this.#workerOn(backend).do(workOf(state) as RoundWork, facts);
  }

  #workerOn(backend: Backend): RoundWorker {
    const known = this.#workers.get(backend);
    if (known !== undefined) return known;
    const { config } = this.#remaking;
    const worker = new RoundWorker({ store: { blobs: this.#blobs }, config, backend });
    this.#workers.set(backend, worker);
    return worker;
  }

  async #backend(name: BackendName | undefined): Promise<Backend | undefined> {
    try {
      return await this.#remaking.backendOf(name);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      this.#unknown.add(name ?? 'auto');
      return undefined;
    }
  }
}

function whyNot(result: RoundInput): string {
  return 'reason' in result ? `it cannot be made again: ${result.reason}` : 'other work is due';
}
