/**
 * The page that tells what attackers did to federations.
 *
 * @module
 */

import { ATTACKS, type AttackFamily, type Deed, PIPELINES } from '../src/lab/federation-attacks.ts';
import type { Aimed, Cell, How, Measured, Results } from './federation-attacks-results.ts';

const ROWS = [{ name: 'none', title: 'nobody attacks' }, ...ATTACKS];

/** The page, in Markdown. */
export function pageOf(results: Results): string {
  const { runs } = results;
  const { setting, source, aimingSeeds } = results.subject;
  const { clients, attackers, rounds, alpha, training, hidden, samplesCap } = setting;
  const seeds = new Set(runs.map(({ seed }) => seed)).size;
  const { learningRate, batch, epochs } = training;
  return `# Attacks on federations

What ${attackers} colluding clients of ${clients} can do to a federation whose pipeline they know. Written by
\`scripts/federation-attacks.ts\`; figures are in \`bench/results/federation-attacks.ndjson\`.

\`${source}\` is dealt out to ${clients} clients by a Dirichlet distribution of parameter ${alpha} over labels. In each of ${rounds}
rounds, each trains a network of one hidden layer of ${hidden} for ${epochs} epochs in batches of ${batch} at a rate of
${learningRate}. The attackers see what all honest clients will send. Accuracy is that of the last model, on examples that
no client has.

- *screened*: all detectors, which exclude whom they suspect; reputation by content, with quarantine; claims of more than
  ${samplesCap} samples count as ${samplesCap}.
- *unscreened*: what is not finite is turned away, and nothing else.

Each attack is aimed at each pipeline: of the strengths that are listed below, the one that leaves the least accuracy in
runs of the very pipeline, detectors and quarantine included, under ${aimingSeeds.length} seeds that are not reported.

## Accuracy

Mean over ${seeds} seeds where no other number is told, and the worst in parentheses. In one process: the rounds, the screen, the reputation and the
store of \`aggregis serve\`, without sockets.

${tableOf(runs, 'one process')}
${processesOf(results)}
## What was aimed

Accuracy in percent that each strength left under the seeds of the search; in bold what was taken.

${aimsOf(results)}

## What the screen did

Share of the attackers' updates that counted for nothing: excluded, or never asked for in quarantine; and the same of
honest clients.

${stoppedOf(results)}
`;
}

function processesOf({ runs, subject: { setting } }: Results): string {
  if (!runs.some(({ how }) => how === 'processes')) return '';
  return `
With processes: one \`aggregis serve\` and ${setting.clients} \`aggregis join\`, over HTTP on one machine; cells without a
figure were not measured so.

${tableOf(runs, 'processes')}
`;
}

function tableOf(runs: readonly Measured[], how: How): string {
  return markdown(
    ['attack', ...PIPELINES.map(({ title }) => title)],
    ROWS.map(({ name, title }) => [
      title,
      ...PIPELINES.map((one) => cellOf(runs, { pipeline: one.name, attack: name, how })),
    ]),
  );
}

function cellOf(all: readonly Measured[], { pipeline, attack, how }: Omit<Cell, 'seed'>): string {
  const runs = all.filter((run) => run.how === how);
  const found = runs.filter((run) => run.pipeline === pipeline && run.attack === attack);
  if (found.length === 0) return '–';
  const accuracies = found.map(({ accuracy }) => accuracy);
  const mean = accuracies.reduce((sum, one) => sum + one, 0) / accuracies.length;
  const failed = found.reduce((sum, one) => sum + one.failed, 0);
  const seeds = new Set(all.map(({ seed }) => seed)).size;
  const notes = [
    ...(found.length < seeds ? [`seeds: ${found.length}`] : []),
    ...(failed > 0 ? [`${failed} rounds failed`] : []),
  ];
  return `${percent(mean)} (${[percent(Math.min(...accuracies)), ...notes].join(', ')})`;
}

function aimsOf(results: Results): string {
  return markdown(
    ['attack', ...PIPELINES.map(({ title }) => title)],
    ATTACKS.filter(({ deeds }) => deeds.length > 1).map((family) => [
      titleOf(family),
      ...PIPELINES.map((pipeline) => {
        const aim = results.aim(pipeline.name, family.name);
        return aim === undefined ? '–' : triedIn(family, aim);
      }),
    ]),
  );
}

/** Every strength with what it left, the one that was chosen in bold. */
function triedIn({ deeds }: AttackFamily, { deed: chosen, tried }: Aimed): string {
  return deeds
    .map((deed, i) => {
      const text = `${wordsOf(deed)}: ${(100 * (tried[i] ?? Number.NaN)).toFixed(1)}`;
      return JSON.stringify(deed) === JSON.stringify(chosen) ? `**${text}**` : text;
    })
    .join(', ');
}

/** A family of one attack is told by its factor. */
function titleOf({ title, deeds }: AttackFamily): string {
  const kinds = new Set(deeds.map(({ spec = '' }) => spec.split('=')[0]!));
  return kinds.size > 1 ? title : `${title}, \`${[...kinds][0]!}\``;
}

function wordsOf({ spec, claim }: Deed): string {
  if (claim === 1) return spec?.split('=')[1] ?? spec ?? 'honest';
  return spec === undefined ? 'honest' : `\`${spec}\``;
}

function stoppedOf({ runs, subject: { setting } }: Results): string {
  const screened = PIPELINES.filter((pipeline) => pipeline.screened);
  return markdown(
    ['attack', ...screened.map(({ title }) => title)],
    ROWS.map(({ name, title }) => [
      title,
      ...screened.map((pipeline) => {
        const found = runs.filter(
          ({ attack, how, ...run }) =>
            run.pipeline === pipeline.name && attack === name && how === 'one process',
        );
        if (found.length === 0) return '–';
        const attackers = name === 'none' ? 0 : setting.attackers;
        const share = (who: 'attackers' | 'honest', members: number): string => {
          const stopped = found.map((run) => run.excluded[who] + run.quarantined[who]);
          const all = stopped.reduce((sum, one) => sum + one, 0);
          return percent(all / (members * setting.rounds * found.length));
        };
        const honest = share('honest', setting.clients - attackers);
        return attackers === 0 ? `– / ${honest}` : `${share('attackers', attackers)} / ${honest}`;
      }),
    ]),
  );
}

function percent(share: number): string {
  return Number.isNaN(share) ? '–' : `${(100 * share).toFixed(1)} %`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
