import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeAdapter, isSoftwareAdapter } from '../../../src/backend/webgpu/adapter.ts';
import { explainNoNodeGpu, findNodeGpu } from '../../../src/backend/webgpu/adapter-node.ts';
import { countRightSums } from '../../support/add-on-gpu.ts';

/** The emulated GPU is for Linux x64; elsewhere these tests need a GPU of the machine's own. */
const emulable = process.platform === 'linux' && process.arch === 'x64';
const hasGpu = emulable || (await findNodeGpu()) !== undefined;
const needsGpu = hasGpu ? '' : ' (skipped: no GPU, and the emulated one is for Linux x64)';

function adapter(info: Partial<GPUAdapterInfo>): Pick<GPUAdapter, 'info'> {
  const empty = { vendor: '', architecture: '', device: '', description: '' };
  return { info: { ...empty, isFallbackAdapter: false, ...info } as GPUAdapterInfo };
}

describe('what an adapter says of itself', () => {
  test.each([
    [{ vendor: 'google', architecture: 'swiftshader' }, true],
    [{ vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, true],
    [{ vendor: 'microsoft', description: 'Microsoft Basic Render Driver' }, true],
    [{ vendor: 'apple', isFallbackAdapter: true }, true],
    [{ vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H100 80GB HBM3' }, false],
    [{ vendor: 'amd', description: 'AMD Radeon RX 7900 (warpspeed edition)' }, false],
    [{}, false],
  ])('%j is emulated: %s', (info, software) => {
    expect(isSoftwareAdapter(adapter(info))).toBe(software);
  });

  test.each([
    [{ vendor: 'nvidia', architecture: 'hopper', description: 'H100' }, 'H100 (nvidia hopper)'],
    [{ vendor: 'intel', device: '0x9a49' }, '0x9a49 (intel)'],
    [{ description: 'some GPU' }, 'some GPU'],
    [{ vendor: 'apple', architecture: 'metal-3' }, 'apple metal-3'],
    [{}, 'unnamed adapter'],
  ])('%j reads %s', (info, line) => {
    expect(describeAdapter(adapter(info))).toBe(line);
  });
});

describe.skipIf(!hasGpu)(`a GPU in this process${needsGpu}`, () => {
  test('is found and adds a thousand numbers', async () => {
    const found = await findNodeGpu({ software: true });
    expect(await explainNoNodeGpu({ software: true })).toBeUndefined();
    const device = await found!.adapter.requestDevice();
    expect(await countRightSums(device)).toBe(1000);
    device.destroy();
  });

  test('gives a fresh adapter of the same GPU object at each call', async () => {
    const [first, second] = [
      await findNodeGpu({ software: true }),
      await findNodeGpu({ software: true }),
    ];
    expect(second!.gpu).toBe(first!.gpu);
    const devices = [
      await first!.adapter.requestDevice(),
      await second!.adapter.requestDevice(),
    ] as const;
    for (const device of devices) device.destroy();
  });

  test('is never an emulated one unless the caller permits it', async () => {
    const found = await findNodeGpu();
    if (found === undefined) expect(await explainNoNodeGpu()).toMatch(/Vulkan|GPU|emulated/);
    else expect(found.software).toBe(false);
  });

  test('an unknown switch of Dawn is a reason, not a crash', async () => {
    const options = { software: true, dawnFlags: ['no-such-switch'] };
    expect(await findNodeGpu(options)).toBeUndefined();
    expect(await explainNoNodeGpu(options)).toMatch(/^Dawn failed: .*<key>=<value>/);
  });
});

interface ChildOutcome {
  readonly reason?: string;
  readonly description?: string;
  readonly rightSums: number;
  readonly leftBehind?: string;
}

/** Runs the child in an environment of `env` alone; rejects unless it ends by itself with 0. */
async function runChild(args: string[], env: NodeJS.ProcessEnv): Promise<ChildOutcome> {
  const program = join(import.meta.dirname, '../../support/gpu-child.ts');
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', program, ...args],
    { env, timeout: 20_000, killSignal: 'SIGKILL' },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as ChildOutcome;
}

describe.skipIf(!hasGpu)(`a process that took a GPU${needsGpu}`, () => {
  test.each([
    ['destroyed its device', ['--destroy']],
    ['left its device alive', []],
  ])('ends by itself after it %s', async (_, args) => {
    const outcome = await runChild(args, {});
    expect(outcome).toMatchObject({ rightSums: 1000, description: expect.any(String) });
    expect(outcome.leftBehind).toBeUndefined();
  });
});

describe.skipIf(!emulable)(
  `the emulated GPU's files${emulable ? '' : ' (skipped: for Linux x64)'}`,
  () => {
    let cache = '';
    beforeAll(async () => {
      cache = await mkdtemp(join(tmpdir(), 'aggregis-test-'));
    });
    afterAll(() => rm(cache, { recursive: true }));

    test('are unpacked by three processes at once, and mended when damaged', async () => {
      const env = { XDG_CACHE_HOME: cache };
      for (const outcome of await Promise.all([1, 2, 3].map(() => runChild([], env)))) {
        expect(outcome.rightSums).toBe(1000);
      }
      const [version = 'absent'] = await readdir(join(cache, 'aggregis'));
      const folder = join(cache, 'aggregis', version);
      const files = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'];
      expect((await readdir(folder)).sort()).toEqual(files);

      await truncate(join(folder, 'libvk_swiftshader.so'), 1000);
      await rm(join(folder, 'vk_swiftshader_icd.json'));
      expect((await runChild([], env)).rightSums).toBe(1000);
      expect((await readdir(folder)).sort()).toEqual(files);
    });

    test('are refused in a worker, whose environment the driver never sees, with a reason', async () => {
      const module = new URL('../../../src/backend/webgpu/swiftshader.ts', import.meta.url).href;
      const program = `import('tsx/esm/api')
        .then((tsx) => tsx.register() && import(${JSON.stringify(module)}))
        .then(({ withSwiftShader }) => withSwiftShader(async () => 'started'))
        .then((outcome) => require('node:worker_threads').parentPort.postMessage(outcome));`;
      const worker = new Worker(program, { eval: true });
      const outcome = await new Promise((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      await worker.terminate();
      expect(outcome).toMatch(/main thread/);
    });
  },
);
