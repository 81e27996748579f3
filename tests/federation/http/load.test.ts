/** Many clients at once on a real server process; scripts/federation-load.ts is the same with a thousand. */

import { expect, test } from 'vitest';
import { federationLoad } from '../../support/federation-load.ts';
import { temporaryFolder } from '../../support/federation-server.ts';

test.skipIf(process.platform !== 'linux')(
  'forty clients send at once beyond the credit: all is taken, is what was sent, and takes little memory',
  async () => {
    await using folder = await temporaryFolder();
    // 40 MiB in chunks of 1 MiB, of which four may be in flight.
    const credit = 4 * 2 ** 20;
    const load = { folder: folder.path, clients: 40, cols: 262_000, creditBytes: credit };
    const figures = await federationLoad(load);
    expect(figures).toMatchObject({ committed: 40, verified: 40, credit });
    // Bodies would take 40 MiB; each connection has up to 64 KiB, and the first updates warm the code.
    const { before, peak } = figures.memory;
    expect(peak - before).toBeLessThan(100e6);
  },
  60_000,
);
