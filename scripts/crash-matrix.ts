/**
 * Kills a real `aggregis serve` at every point at which a crash would leave another state, takes the run
 * up again, and holds what comes of it against an undisturbed run. Writes docs/crash-matrix.md.
 *
 *     npx tsx scripts/crash-matrix.ts [--mode plain|private] [--only WORDS] [--lanes 2]
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type CrashOptions,
  type CrashOutcome,
  crashIdentities,
  crashRun,
  type Mode,
} from '../tests/support/crash-runs.ts';
import { KILL_POINTS, type KillPoint } from '../tests/support/kill-point.ts';

const ROUNDS = 2;
/** Of the updates that clients begin to send, so many break off. */
const CUT_RATE = 0.2;

const { values: flags } = parseArgs({
  options: {
    mode: { type: 'string' },
    only: { type: 'string', default: '' },
    lanes: { type: 'string', default: '2' },
  },
});

async function inFolder(options: Omit<CrashOptions, 'folder'>): Promise<CrashOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'aggregis-crash-'));
  try {
    return await crashRun({ ...options, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a point gave, in a word or in sentences. */
function verdict(outcome: CrashOutcome, undisturbed: CrashOutcome): string {
  const faults = [
    ...(outcome.killed === 1 ? [] : ['was not killed there']),
    ...(outcome.model === undisturbed.model ? [] : ['another model']),
    ...outcome.faults,
  ];
  return faults.length === 0 ? 'same model' : faults.join('; ');
}

const identities = await crashIdentities();
const modes: readonly Mode[] =
  flags.mode === undefined ? ['plain', 'private'] : [flags.mode as Mode];
const results = new Map<KillPoint, Map<Mode, string>>();
let isSound = true;
let cut = 0;
/** What waits to be done, and what it is held against. */
const waiting: { mode: Mode; point: KillPoint; seed: number; undisturbed: CrashOutcome }[] = [];
for (const mode of modes) {
  const undisturbed = await inFolder({ mode, rounds: ROUNDS, identities, kills: [] });
  if (undisturbed.faults.length > 0) throw new Error(undisturbed.faults.join('; '));
  KILL_POINTS.forEach((point, i) => {
    const isOf = (point.isPrivate ?? mode === 'private') === (mode === 'private');
    if (!isOf || !point.name.includes(flags.only)) return;
    waiting.push({ mode, point, seed: i + 1, undisturbed });
  });
}

async function lane(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { mode, point, seed, undisturbed } = next;
    const { name, isPrivate: _, ...at } = point;
    const common = { mode, rounds: ROUNDS, identities, cutRate: CUT_RATE };
    const outcome = await inFolder({ ...common, kills: [at], seed });
    const word = verdict(outcome, undisturbed);
    cut += outcome.cut;
    isSound &&= word === 'same model';
    results.set(point, (results.get(point) ?? new Map()).set(mode, word));
    const figures = `${outcome.acknowledged} receipts, ${outcome.cut} cut, ε ${outcome.epsilon ?? '–'}`;
    console.log(`${mode}  ${name}: ${word} (${figures})`);
  }
}
await Promise.all(Array.from({ length: Number(flags.lanes) }, lane));

const rows = KILL_POINTS.filter((point) => results.has(point)).map((point) => {
  const { step, event, after, name } = point;
  const where = `\`${step}\`${event ? ` of \`${event}\`` : ''}${after ? ` after \`${after}\`` : ''}`;
  const words = (['plain', 'private'] as const).map((mode) => results.get(point)?.get(mode) ?? '–');
  return `| ${name} | ${where} | ${words.join(' | ')} |`;
});
const kills = [...results.values()].reduce((sum, { size }) => sum + size, 0);
const page = `# Crash matrix

\`npx tsx scripts/crash-matrix.ts\` writes this page. For each line a real \`aggregis serve\` is killed with
SIGKILL at the point named, by itself, in the middle of a run of ${ROUNDS} rounds with three clients over HTTP; clients
break off at random while they send. \`aggregis serve --resume\` then takes the run up, and it goes on to its end.

*same model* means: the last model equals the undisturbed run's bit for bit; the chain of events verifies; every
update that was answered with 200 is in the log under the event that was named; no round was published twice, and
clients were told of one model for each; ε never fell, and no two outputs were released under one charge. With noise,
seeds are constants of the test, so that models can be compared; in use they are never stored, and a run that is
taken up draws others under a charge of its own.

${kills} kills, ${cut} clients cut off.

| killed after | step | without noise | with noise |
|---|---|---|---|
${rows.join('\n')}
`;
if (flags.only === '' && modes.length === 2) {
  await writeFile(join(import.meta.dirname, '../docs/crash-matrix.md'), page);
}
console.log(
  `${kills} kills, ${cut} clients cut off: ${isSound ? 'all is well' : 'something is wrong'}`,
);
if (!isSound) process.exitCode = 1;
