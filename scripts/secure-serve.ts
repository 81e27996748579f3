/**
 * Rounds of SAGG1 in groups with noise in shares and a median, in one served run with dropouts, over real HTTP on
 * this machine: each is held against the plain computation on the grid and verified.
 *
 *   npx tsx scripts/secure-serve.ts --clients 36 --entries 100000 --write
 *
 * Ends with status 1 if anything is not exact. With `--write` the table goes to docs/secure-serve.md.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/create-node.ts';
import { createRandom } from '../src/core/random.ts';
import type { Train } from '../src/federation/client/train.ts';
import { modelFile, ServedRun, temporaryFolder } from '../tests/support/federation-server.ts';
import { checkedRound, problemsOf } from '../tests/support/secure-check.ts';
import { Player, secureConfigOf } from '../tests/support/secure-clients.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '36' },
    entries: { type: 'string', default: '100000' },
    group: { type: 'string', default: '9' },
    write: { type: 'boolean', default: false },
  },
});
const [clients, entries, groupSize] = [values.clients, values.entries, values.group].map(Number);
/** Where one client drops out of each round. */
const STAGES = [undefined, 'advertise', 'shares', 'masked', 'consent', 'unmask'] as const;
const CORRUPT = 0.1;
const CLIP = 1;

/** Updates of some length, other ones for each client. */
function training(client: number): Train {
  const random = createRandom(client);
  return ({ model }) => ({
    difference: new Map(
      [...model.tensors].map(([name, tensor]) => [
        name,
        tensor.values.map(() => (random.uniform() - 0.5) / 100),
      ]),
    ),
    samples: 10,
  });
}

interface Row {
  readonly stage: string;
  readonly groups: number;
  readonly inputs: number;
  readonly isExact: boolean;
  readonly problems: readonly string[];
  readonly epsilon: number;
  readonly seconds: number;
}

async function play(stage: (typeof STAGES)[number]): Promise<Row> {
  await using folder = await temporaryFolder();
  await using backend = {
    own: await createBackend('reference'),
    [Symbol.asyncDispose]: () => backend.own.close(),
  };
  await using run = await ServedRun.start({
    folder: join(folder.path, 'run'),
    model: await modelFile([1, 2, 3, 4, 5, 6, 7], entries! - 7),
    config: secureConfigOf(clients!, {
      rule: 'median',
      secure: {
        kind: 'groups',
        clip: CLIP,
        corrupt: CORRUPT,
        dropout: 0.05,
        minSum: groupSize! - 2,
        groupSize: groupSize!,
        byzantine: 1,
      },
      privacy: {
        kind: 'central',
        relation: 'replace-one',
        clipNorm: CLIP,
        noiseMultiplier: 1,
        epsilon: 13,
        delta: 1e-5,
        accountant: 'rdp',
        noise: 'shares',
      },
      limits: { requestsPerSecond: 1000 },
      round: { collectSeconds: 60, processingSeconds: 40 },
    }),
  });
  const secure = { minSum: 3, corrupt: CORRUPT, noiseBackend: async () => backend.own };
  const players = await Promise.all(
    Array.from({ length: clients! }, (_, i) =>
      Player.join(run.url, { secure, ...(i === 0 && stage && { diesAt: stage }) }),
    ),
  );
  const begun = performance.now();
  await Promise.all(players.map((player, i) => player.play(training(i))));
  const seconds = (performance.now() - begun) / 1000;
  const { groups, areExact, isModelExact } = await checkedRound(run, players);
  const reserved = run.events.find(({ type }) => type === 'privacy.reserved')!;
  return {
    stage: stage ?? 'none',
    groups: groups.length,
    inputs: groups.flat().length,
    isExact: areExact && isModelExact,
    problems: await problemsOf(run),
    epsilon: Number(reserved.body.epsilon),
    seconds,
  };
}

const rows: Row[] = [];
for (const stage of STAGES) {
  const row = await play(stage);
  rows.push(row);
  console.log(JSON.stringify(row));
}
const head =
  '| drops out before | groups | inputs | sums and model exact | receipts | ε of the round | s |';
const lines = rows.map(({ stage, groups, inputs, isExact, problems, epsilon, seconds }) =>
  [
    stage,
    groups,
    inputs,
    isExact ? 'yes' : 'no',
    problems.length === 0 ? 'hold' : problems.join('; '),
    epsilon.toFixed(1),
    seconds.toFixed(1),
  ].join(' | '),
);
const table = [head, '|---|---|---|---|---|---|---|', ...lines.map((line) => `| ${line} |`)].join(
  '\n',
);
console.log(table);
if (values.write) {
  const text = [
    '# Groups, noise in shares and a median in one served run',
    '',
    `${clients} clients over HTTP on one machine, ${entries} entries, groups of ${groupSize}, γ = ${CORRUPT}, updates clipped to ${CLIP},`,
    'noise multiplier 1 for the fewest honest of a group. Written by `npx tsx scripts/secure-serve.ts --write`. Seconds',
    'are those of all clients and the server in one process; rounds with a dropout wait for whoever does not come.',
    '',
    table,
    '',
  ].join('\n');
  await writeFile(join(import.meta.dirname, '../docs/secure-serve.md'), text);
}
if (rows.some(({ isExact, problems }) => !isExact || problems.length > 0)) process.exitCode = 1;
