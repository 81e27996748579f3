/** Event files are what TensorBoard's formats say: an own reader, and TensorBoard's where it is installed. */

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, eventFileHead, scalarRecord } from '../../src/formats/event-file.ts';
import { bitwiseCrc32c, readEventFile } from '../support/event-file-reader.ts';

test('the checksum of 123456789 is the one that is published, and others as by long division', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(crc32c(bytes)).toBe(bitwiseCrc32c(bytes));
    }),
  );
});

const scalar = fc.record({ tag: fc.string({ minLength: 1 }), value: fc.float() });
const event = fc.record({
  wallTime: fc.double({ noNaN: true }),
  step: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  scalars: fc.uniqueArray(scalar, { maxLength: 40, selector: ({ tag }) => tag }),
});

test('whatever is written is read back', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), (events) => {
      const file = Buffer.concat([eventFileHead(1.5), ...events.map(scalarRecord)]);
      const [head, ...rest] = readEventFile(file);
      expect(head).toMatchObject({ wallTime: 1.5, version: 'brain.Event:2' });
      expect(rest).toHaveLength(events.length);
      rest.forEach(({ wallTime, step, values }, i) => {
        const { scalars, ...own } = events[i]!;
        expect({ wallTime, step }).toEqual(own);
        expect(new Map(Object.entries(values))).toEqual(
          new Map(scalars.map(({ tag, value }) => [tag, value])),
        );
      });
    }),
  );
});

const hasBoard = spawnSync('python3', ['-c', 'import tensorboard']).status === 0;

test.skipIf(!hasBoard)(
  'TensorBoard reads it (where Python has the package tensorboard)',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aggregis-board-'));
    try {
      const scalars = [{ tag: 'accuracy', value: 0.5 }];
      const parts = [eventFileHead(1), scalarRecord({ wallTime: 2, step: 3, scalars })];
      await writeFile(join(folder, 'events.out.tfevents.1.x'), Buffer.concat(parts));
      const script = `
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
board = EventAccumulator(sys.argv[1]); board.Reload()
print([(e.step, e.value) for e in board.Scalars("accuracy")])`;
      const { stdout, stderr } = spawnSync('python3', ['-c', script, folder], { encoding: 'utf8' });
      expect(stdout.trim(), stderr).toBe('[(3, 0.5)]');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
