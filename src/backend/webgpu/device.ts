/**
 * A WebGPU device with its pipelines: made, used within error scopes, lost, made anew.
 *
 * @module
 */

import { BackendError } from '../../core/errors.ts';
import { type ShaderName, shaders } from './shaders.gen.ts';

/** How a kernel uses a binding. */
export type BindingKind = 'read' | 'write' | 'uniform';

/** Generated texts by the name of the slot they fill. */
export type Slots = Readonly<Record<string, string>>;

/** A shader of the table, or one that an operation brings. */
export type Shader = ShaderName | BroughtShader;

/** A shader and its name, which is that of its entry point. */
export interface BroughtShader {
  readonly name: string;
  readonly text: string;
}

/** A kernel as it is compiled: a shader, what fills its slot, and its bindings in order. */
export interface KernelSource {
  readonly name: string;
  /** Default: the shader of the table that has the name. */
  readonly text?: string | undefined;
  readonly bindings: readonly BindingKind[];
  /** Makes the texts for `#slot name`; called when the kernel is compiled. */
  readonly slots?: () => Slots;
  /** Tells variants of one shader apart. */
  readonly variant?: string;
  readonly constants?: Record<string, number>;
}

/** Makes a device, and another one when the first is lost. */
export type DeviceMaker = () => Promise<MadeDevice>;

/** A device and what is said of it. */
export interface MadeDevice {
  readonly device: GPUDevice;
  readonly description: string;
  readonly software: boolean;
  /** Whether the device ends with the backend. Default true. */
  readonly owned?: boolean;
}

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

const BUFFER_TYPE: Record<BindingKind, GPUBufferBindingType> = {
  read: 'read-only-storage',
  write: 'storage',
  uniform: 'uniform',
};

/** The text of a kernel's shader. */
export function shaderOf({ name, text }: Pick<KernelSource, 'name' | 'text'>): string {
  return text ?? shaders[name as ShaderName];
}

/** The same with its slots filled. */
export function filled(kernel: Pick<KernelSource, 'name' | 'text'>, slots: Slots = {}): string {
  return shaderOf(kernel).replace(/#slot (\w+)/g, (_, slot: string) => {
    const text = slots[slot];
    if (text === undefined)
      throw new TypeError(`${kernel.name} has a slot ${slot} that is not filled`);
    return text;
  });
}

/** One device and what belongs to it. After a loss a new session takes its place. */
export class Session {
  readonly device: GPUDevice;
  #lost: string | undefined;
  readonly #uncaptured: string[] = [];
  readonly #pipelines = new Map<string, Promise<Pipeline>>();

  constructor({ device, owned = true }: Pick<MadeDevice, 'device' | 'owned'>) {
    this.device = device;
    device.lost.then(
      ({ reason, message }) => {
        this.#lost = message || reason;
      },
      () => {},
    );
    // On a device of the caller's, errors outside our scopes are the caller's.
    if (!owned) return;
    device.addEventListener('uncapturederror', (event) => {
      this.#uncaptured.push((event as GPUUncapturedErrorEvent).error.message);
    });
  }

  /** @throws {BackendError} `device-lost` once the device is gone. */
  assertAlive(): void {
    if (this.#lost !== undefined) {
      throw new BackendError('device-lost', `the GPU device was lost: ${this.#lost}`);
    }
  }

  /**
   * Runs `body` in error scopes. GPU errors surface as exceptions: out of memory, lost, or failed.
   * `body` must not wait inside: scopes are a stack of the whole device.
   */
  async guarded<T>(what: string, body: () => T): Promise<T> {
    this.assertAlive();
    const { device } = this;
    const kinds = ['validation', 'out-of-memory', 'internal'] as const;
    for (const kind of kinds) device.pushErrorScope(kind);
    let outcome: { value: T } | { error: unknown };
    try {
      outcome = { value: body() };
    } catch (error) {
      outcome = { error };
    }
    const pops = [...kinds].reverse().map(() => device.popErrorScope());
    const [internal, memory, validation] = await this.settled(Promise.all(pops), what);
    // A lost device reports no errors: its scopes are empty, and nothing was done.
    this.assertAlive();
    if (memory) throw new BackendError('out-of-memory', `${what}: ${memory.message}`);
    const failure = internal ?? validation;
    if (failure) throw new BackendError('failed', `${what}: ${failure.message}`);
    if ('error' in outcome) throw this.#translated(outcome.error, what);
    if (this.#uncaptured.length > 0) {
      throw new BackendError('failed', `${what}: ${this.#uncaptured.splice(0).join('; ')}`);
    }
    return outcome.value;
  }

  /** Waits for a promise of the device's; a rejection after a loss becomes `device-lost`. */
  async settled<T>(promise: Promise<T>, what: string): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      // The loss is announced by a promise of its own, which may come a little later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw this.#translated(error, what);
    }
  }

  #translated(error: unknown, what: string): unknown {
    if (this.#lost !== undefined) {
      return new BackendError('device-lost', `${what}: the GPU device was lost: ${this.#lost}`);
    }
    if (error instanceof BackendError || !(error instanceof Error)) return error;
    // createBuffer with mappedAtCreation tells want of memory by a RangeError.
    const code = error instanceof RangeError ? 'out-of-memory' : 'failed';
    return new BackendError(code, `${what}: ${error.message}`, { cause: error });
  }

  /** The compiled kernel; compiled once for each variant. */
  pipeline(source: KernelSource): Promise<Pipeline> {
    const key = `${source.name} ${source.variant ?? ''} ${JSON.stringify(source.constants ?? {})}`;
    let pipeline = this.#pipelines.get(key);
    if (pipeline === undefined) {
      pipeline = this.#compile(source);
      this.#pipelines.set(key, pipeline);
      pipeline.catch(() => this.#pipelines.delete(key));
    }
    return pipeline;
  }

  async #compile({ name, text, bindings, slots, constants }: KernelSource): Promise<Pipeline> {
    const { module, layout, pipelineLayout } = await this.guarded(`compiling ${name}`, () => {
      const layout = this.device.createBindGroupLayout({
        label: name,
        entries: bindings.map((kind, binding) => ({
          binding,
          visibility: 4, // GPUShaderStage.COMPUTE
          buffer: { type: BUFFER_TYPE[kind] },
        })),
      });
      const code = filled({ name, text }, slots?.());
      const module = this.device.createShaderModule({ label: name, code });
      const pipelineLayout = this.device.createPipelineLayout({ bindGroupLayouts: [layout] });
      return { module, layout, pipelineLayout };
    });
    const pipeline = await this.settled(
      this.device.createComputePipelineAsync({
        label: name,
        layout: pipelineLayout,
        compute: { module, entryPoint: name, ...(constants && { constants }) },
      }),
      `compiling ${name}`,
    );
    return { pipeline, layout };
  }
}
