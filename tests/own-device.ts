/**
 * Rows and results on a device of the caller's own, through a face: under Node and in Chromium.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Aggregate, CreateBackend } from '../src/portable.ts';
import { nnm, pipeline, trimmedMean } from '../src/portable.ts';
import { randomRows } from './backend/parity.ts';

const COPIES = 0x04 | 0x08;
const [n, d] = [7, 3001];
const rule = pipeline(nnm({ f: 2 }), trimmedMean({ f: 2 }));

/** A face, and a device that a caller of it might have. */
interface Platform {
  readonly aggregate: Aggregate;
  readonly createBackend: CreateBackend;
  readonly requestDevice: () => Promise<GPUDevice>;
}

export function ownDeviceSuite(where: string, platform: Platform): void {
  describe(`aggregate ${where} on the caller's own device`, () => {
    const { aggregate, createBackend, requestDevice } = platform;
    let device: GPUDevice;
    beforeAll(async () => {
      device = await requestDevice();
    });
    afterAll(() => device.destroy());

    function onDevice(values: Float32Array): GPUBuffer {
      const buffer = device.createBuffer({ size: values.byteLength, usage: COPIES });
      device.queue.writeBuffer(buffer, 0, values as Float32Array<ArrayBuffer>);
      return buffer;
    }

    async function contentOf(buffer: GPUBuffer): Promise<Float32Array> {
      await using reader = await createBackend('webgpu', { device });
      return await reader.read(reader.matrix([{ cols: d, buffer }]));
    }

    test('rows stay, the result stays, and both are what arrays give', async () => {
      const rows = randomRows(n, d);
      rows[5]!.fill(1e9);
      rows[6]![17] = Number.NaN;
      await using backend = await createBackend('webgpu', { device });
      const output = device.createBuffer({ size: 4 * d, usage: COPIES });
      const updates = rows.map((row, i) => ({
        client: `client-${i}`,
        row: { cols: d, buffer: onDevice(row) },
      }));
      const report = await aggregate(updates, rule, { backend, output });
      expect('value' in report).toBe(false);
      expect(report.backend.name).toBe('webgpu');
      expect(report.clients.map(({ verdict }) => verdict)).toEqual([
        ...Array(6).fill('accepted'),
        'excluded',
      ]);
      const arrays = await aggregate(
        rows.map((row, i) => ({ client: `client-${i}`, row })),
        rule,
        { backend },
      );
      expect(await contentOf(output)).toEqual(arrays.value);
      // Four honest rows within ±7, two of them cut on either side: 1e9 has no part.
      expect(arrays.value.every((value) => Math.abs(value) < 7)).toBe(true);
    });

    test('an output that is too small is refused, by its bytes', async () => {
      await using backend = await createBackend('webgpu', { device });
      const output = device.createBuffer({ size: 4 * d - 4, usage: COPIES });
      await expect(aggregate(randomRows(n, d), rule, { backend, output })).rejects.toThrow(
        `buffer must hold at least ${4 * d} bytes, got ${4 * d - 4}`,
      );
    });
  });
}
