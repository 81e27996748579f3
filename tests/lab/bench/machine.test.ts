import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MACHINE = join(import.meta.dirname, '../../../src/lab/bench/machine.ts');

/** Runs a program that knows `peakBytes`, and gives what it prints. */
const parent = `
  import { execFileSync } from 'node:child_process';
  import { peakBytes } from ${JSON.stringify(MACHINE)};
  const held = new Float64Array(2 ** 26).fill(1);
  const child = 'import { peakBytes } from ' + ${JSON.stringify(JSON.stringify(MACHINE))} + '; console.log(peakBytes())';
  const words = ['--import', 'tsx', '--input-type=module', '-e', child];
  const told = execFileSync(process.execPath, words, { encoding: 'utf8' });
  console.log(JSON.stringify({ own: peakBytes() - held[0], child: Number(told) }));
`;

test.skipIf(!existsSync('/proc/self/status'))(
  'the peak of a process is its own, not that of the one that started it (Linux)',
  () => {
    const words = ['--import', 'tsx', '--input-type=module', '-e', parent];
    const told = execFileSync(process.execPath, words, { encoding: 'utf8' });
    const { own, child } = JSON.parse(told) as { own: number; child: number };
    // The first holds half a gibibyte; Node with a loader takes a tenth of one.
    expect(own).toBeGreaterThan(2 ** 29);
    expect(child).toBeLessThan(2 ** 28);
    expect(child).toBeGreaterThan(2 ** 24);
  },
);
