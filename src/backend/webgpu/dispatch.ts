/**
 * Launching kernels: parameters, bind groups, one submission for what belongs together.
 *
 * @module
 */

import { uniformBuffer } from './buffers.ts';
import { type KernelSource, type Session, shaderOf } from './device.ts';
import { LEAST_OPERATIONS, Pace } from './pace.ts';

/** Workgroups along one dimension of a dispatch, by default limits. */
export const MAX_GROUPS = 65_535;

/** A buffer, or what of it follows a byte offset, a multiple of 256. */
export type Binding = GPUBuffer | { readonly buffer: GPUBuffer; readonly offset: number };

/** One kernel on its buffers. */
export interface Launch {
  readonly kernel: KernelSource;
  readonly buffers: readonly Binding[];
  readonly params: readonly number[];
  readonly groups: readonly [number, number?, number?];
}

/** Work of a kernel that may be cut into submissions: units of about so many operations each. */
export interface Work {
  readonly kernel: KernelSource;
  readonly units: number;
  readonly operations: number;
}

/** Runs kernels on one device. */
export class Dispatcher {
  /** Whether sums are compensated; false where the self-test found that they cannot be. */
  compensated: boolean = true;
  readonly pace: Pace = new Pace();
  readonly #session: Session;
  /** When the queue was last seen empty. */
  #idleSince = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Runs a kernel over all units of its work, in submissions of bounded time.
   *
   * @param launch - What it is launched with for units [first, first + count).
   */
  async runInParts(
    { kernel, units, operations }: Work,
    launch: (first: number, count: number) => Omit<Launch, 'kernel'>,
  ): Promise<void> {
    for (let first = 0; first < units; ) {
      const most = Math.floor(this.pace.most(kernel.name) / operations);
      const count = Math.min(units - first, Math.max(1, Math.min(most, MAX_GROUPS)));
      await this.run([{ kernel, ...launch(first, count) }], operations * count);
      first += count;
    }
  }

  /**
   * Runs kernels one after the other in one submission.
   *
   * @param operations - About how many there are; the pace of the first kernel learns from them.
   */
  async run(launches: readonly Launch[], operations = 0): Promise<void> {
    const session = this.#session;
    const compiled = await Promise.all(
      launches.map(({ kernel }) => session.pipeline(this.#withConstants(kernel))),
    );
    const uniforms: GPUBuffer[] = [];
    const what = launches.map(({ kernel }) => kernel.name).join(', ');
    try {
      await session.guarded(what, () => {
        const encoder = session.device.createCommandEncoder({ label: what });
        const pass = encoder.beginComputePass({ label: what });
        for (const [k, { buffers, params, groups }] of launches.entries()) {
          const { pipeline, layout } = compiled[k]!;
          const uniform = uniformBuffer(session.device, params);
          uniforms.push(uniform);
          const entries = [...buffers, uniform].map((bound, binding) => ({
            binding,
            resource: 'buffer' in bound ? bound : { buffer: bound },
          }));
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, session.device.createBindGroup({ label: what, layout, entries }));
          pass.dispatchWorkgroups(...groups);
        }
        pass.end();
        session.device.queue.submit([encoder.finish()]);
        this.#watch(launches[0]!.kernel.name, operations);
      });
    } finally {
      for (const uniform of uniforms) uniform.destroy();
    }
  }

  /** Learns how long the last submission takes. Nobody waits for it. */
  #watch(kernel: string, operations: number): void {
    if (operations < LEAST_OPERATIONS) return;
    const submitted = performance.now();
    this.#session.device.queue.onSubmittedWorkDone().then(
      () => {
        // The queue works in order: what was submitted before is not this kernel's time.
        const since = Math.max(submitted, this.#idleSince);
        this.#idleSince = performance.now();
        this.pace.note(kernel, { operations, ms: this.#idleSince - since });
      },
      () => {},
    );
  }

  #withConstants(kernel: KernelSource): KernelSource {
    const adds = shaderOf(kernel).includes('override compensated');
    if (this.compensated || !adds) return kernel;
    return { ...kernel, constants: { ...kernel.constants, compensated: 0 } };
  }
}
