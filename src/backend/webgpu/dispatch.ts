/**
 * Launching kernels: parameters, bind groups, one submission for what belongs together.
 *
 * @module
 */

import { uniformBuffer } from './buffers.ts';
import type { KernelSource, Session } from './device.ts';
import { shaders } from './shaders.gen.ts';

/** Workgroups along one dimension of a dispatch, by default limits. */
export const MAX_GROUPS = 65_535;

/** One kernel on its buffers. */
export interface Launch {
  readonly kernel: KernelSource;
  readonly buffers: readonly GPUBuffer[];
  readonly params: readonly number[];
  readonly groups: readonly [number, number?, number?];
}

/** Runs kernels on one device. */
export class Dispatcher {
  /** Whether sums are compensated; false where the self-test found that they cannot be. */
  compensated: boolean = true;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Runs kernels one after the other in one submission. */
  async run(launches: readonly Launch[]): Promise<void> {
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
          const entries = [...buffers, uniform].map((buffer, binding) => ({
            binding,
            resource: { buffer },
          }));
          pass.setPipeline(pipeline);
          pass.setBindGroup(0, session.device.createBindGroup({ label: what, layout, entries }));
          pass.dispatchWorkgroups(...groups);
        }
        pass.end();
        session.device.queue.submit([encoder.finish()]);
      });
    } finally {
      for (const uniform of uniforms) uniform.destroy();
    }
  }

  #withConstants(kernel: KernelSource): KernelSource {
    const adds = shaders[kernel.name].includes('override compensated');
    if (this.compensated || !adds) return kernel;
    return { ...kernel, constants: { ...kernel.constants, compensated: 0 } };
  }
}
