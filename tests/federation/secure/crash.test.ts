/** A server that is killed in the middle of rounds under masks, while clients go on. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { createBackend } from '../../../src/backend/create-node.ts';
import { wordsIn } from '../../../src/federation/secure-record.ts';
import { openStore } from '../../../src/federation/store/store.ts';
import { verifySecureRound } from '../../../src/federation/verify-secure.ts';
import type { MessageType } from '../../../src/secagg/messages.ts';
import { nodeCrypto, temporaryFolder } from '../../support/federation-server.ts';
import { compiled } from '../../support/program.ts';
import { giving, Player, sumOf } from '../../support/secure-clients.ts';

/**
 * After what the server dies, and how many of its kind it lives through: an event of its log, or a message that
 * it has taken.
 */
const KILLS = [
  ['round.opened', 0],
  ['update.committed', 2],
  ['unmask', 1],
  ['round.unmasked', 0],
] as const;

async function startServer(words: readonly string[]): Promise<ChildProcess> {
  const script = await compiled(join(import.meta.dirname, '../../support/secure-serve-child.ts'));
  return spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
}

test('rounds go on over kills: whoever has sent is in the sum, once, and both rounds are verified', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'run');
  const [first, ...rest] = KILLS;
  let server = await startServer([path, 'create', '0', first[0], String(first[1])]);
  const [line] = await once(createInterface({ input: server.stdout! }), 'line');
  const url = String(line);
  const { port } = new URL(url);
  let fatal: { readonly type: string; left: number } | undefined;
  const onSent = (type: MessageType): void => {
    if (fatal?.type !== type || fatal.left-- > 0) return;
    fatal = undefined;
    server.kill('SIGKILL');
  };
  const players = await Promise.all(Array.from({ length: 5 }, () => Player.join(url, { onSent })));
  const ends = Promise.all(
    players.map((player, i) => player.play(giving([i, 1, 0, -i, 2, 0, 0.5]))),
  );
  let kills = 0;
  for (const [event, passes] of [...rest, ['none', 0] as const]) {
    await once(server, 'exit');
    kills++;
    fatal = { type: event, left: passes };
    server = await startServer([path, 'resume', port, event, String(passes)]);
  }
  const parts = await ends;
  server.kill('SIGKILL');
  await once(server, 'exit');
  expect(kills).toBe(KILLS.length);
  expect(parts.map((own) => own.map(({ outcome }) => outcome))).toEqual(
    Array(5).fill(['committed', 'committed']),
  );
  await using store = await openStore(path, { mode: 'resume' });
  const backend = await createBackend('reference');
  const options = { backend, crypto: await nodeCrypto() };
  let published = 0;
  for await (const { type, body } of store.events()) {
    if (type !== 'round.unmasked') continue;
    const round = published++;
    const [sum] = body.sums as { words: string; clients: string[] }[];
    expect(sum!.clients).toHaveLength(5);
    await using source = await store.blobs.open(sum!.words);
    expect(wordsIn(await source.read(0, source.size))).toEqual(sumOf(players, round));
    expect((await verifySecureRound(store, round + 1, options)).problems).toEqual([]);
  }
  expect(published).toBe(2);
  await backend.close();
}, 120_000);
