/**
 * Kills a real `aggregis serve` at every point at which a crash would leave another state, takes the run
 * up again, and holds what comes of it against an undisturbed run. Writes docs/crash-matrix.md.
 *
 *     npx tsx scripts/crash-matrix.ts [--mode plain|private] [--only WORDS] [--check]
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
    check: { type: 'boolean', default: false },
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
for (const mode of modes) {
  const common = { mode, rounds: ROUNDS, identities };
  const undisturbed = await inFolder({ ...common, kills: [] });
  const points = KILL_POINTS.filter(
    ({ name, isPrivate }) =>
      (isPrivate ?? mode === 'private') === (mode === 'private') && name.includes(flags.only),
  );
  for (const [i, point] of points.entries()) {
    const { name: _, isPrivate: __, ...at } = point;
    const outcome = await inFolder({ ...common, kills: [at], cutRate: CUT_RATE, seed: i + 1 });
    const word = verdict(outcome, undisturbed);
    cut += outcome.cut;
    isSound &&= word === 'same model';
    results.set(point, (results.get(point) ?? new Map()).set(mode, word));
    console.log(
      `${mode}  ${point.name}: ${word} (${outcome.acknowledged} receipts, ${outcome.cut} cut, ε ${outcome.epsilon ?? '–'})`,
    );
  }
}

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
if (!flags.check && flags.only === '' && modes.length === 2) {
  await writeFile(join(import.meta.dirname, '../docs/crash-matrix.md'), page);
}
console.log(
  `${kills} kills, ${cut} clients cut off: ${isSound ? 'all is well' : 'something is wrong'}`,
);
if (!isSound) process.exitCode = 1;
