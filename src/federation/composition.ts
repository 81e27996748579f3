/**
 * What goes together: who sees updates in which mode, and what may therefore be done with them.
 *
 * {@link COMPOSITION} is the one place where that is written. Configurations are checked against it, and
 * docs/THREAT-MODEL.md prints it. A cell that is `degraded` says what is left; a check beside it refuses
 * configurations that ask for more.
 *
 * @module
 */

import { AggregationError, PrivacyError } from '../core/errors.ts';
import type { RoundFacts } from '../privacy/sampling.ts';
import { sensitivityOf } from '../privacy/sensitivity.ts';
import { allRules } from '../rules/full-list.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import { type HidingMode, refusalUnder } from './optimizers/client-scalars.ts';
import { optimizers } from './optimizers/list.ts';
import type { RunConfig } from './run-config.ts';

/** How updates are protected. */
export const MODES = ['plain', 'central-dp', 'local-dp', 'sagg1', 'groupwise'] as const;
/** One of {@link MODES}. */
export type Mode = (typeof MODES)[number];

/** What is done with updates. */
export const PARTS = ['screen', 'detectors', 'reputation', 'rule', 'optimiser', 'reports'] as const;
/** One of {@link PARTS}. */
export type Part = (typeof PARTS)[number];

/** Whether a part works in a mode. */
export type Verdict = 'allowed' | 'degraded' | 'refused';

/** What holds of a part in a mode. */
export interface Cell {
  readonly verdict: Verdict;
  /** What is left, or why it is so: a clause. */
  readonly because: string;
}

const allowed = (because: string): Cell => ({ verdict: 'allowed', because });
const degraded = (because: string): Cell => ({ verdict: 'degraded', because });
const refused = (because: string): Cell => ({ verdict: 'refused', because });

const SCALARS =
  'what clients send in the clear beside an update is not protected: no FedNova, no q-FedAvg; ' +
  'SCAFFOLD with (Δ, Δc) as one vector';

/** The matrix. */
export const COMPOSITION: { readonly [P in Part]: { readonly [M in Mode]: Cell } } = {
  screen: {
    plain: allowed('every check, of each update'),
    'central-dp': degraded(
      'each update by itself: a bad one counts as zero, and how many there are stays; none is compared with others',
    ),
    'local-dp': degraded('lengths and finiteness; norms and repetition are mostly noise'),
    sagg1: degraded('of the sum alone: its length and its canary; clients clip'),
    groupwise: degraded('of group sums, each as if it were an update'),
  },
  detectors: {
    plain: allowed('all, and what they find may exclude an update'),
    'central-dp': degraded(
      'for the operator’s eyes, outside of ε: what they find changes nothing that is released',
    ),
    'local-dp': degraded('they see rows with noise, and find what stands out of it'),
    sagg1: refused('the server sees no single update'),
    groupwise: degraded('of group sums: they name groups, not clients, and leave none of them out'),
  },
  reputation: {
    plain: allowed('of content and of conduct'),
    'central-dp': degraded(
      'of conduct on the network, which counts as public; never of what is in an update',
    ),
    'local-dp': degraded('of rows with noise, and of conduct: slower to tell'),
    sagg1: degraded('of conduct alone: there is no content to look at'),
    groupwise: degraded('of conduct, and a share of what is held against the group'),
  },
  rule: {
    plain: allowed('any'),
    'central-dp': degraded(
      'rules with a proven bound on one client’s influence, exact on integers',
    ),
    'local-dp': allowed('any: it sees nothing that is not private already'),
    sagg1: degraded('mean and weighted mean: a sum is all there is'),
    groupwise: degraded('any, of group means: it holds if it stands the groups that may be spoilt'),
  },
  optimiser: {
    plain: allowed('any'),
    'central-dp': degraded(SCALARS),
    'local-dp': degraded(SCALARS),
    sagg1: degraded(SCALARS),
    groupwise: degraded(SCALARS),
  },
  reports: {
    plain: allowed('of each client, for the operator'),
    'central-dp': degraded(
      'public ones hold figures with noise or of public data alone; evidence is the operator’s, outside of ε',
    ),
    'local-dp': degraded(
      'figures of rows with noise are private; what clients measure themselves is not',
    ),
    sagg1: degraded('sums, and who took part'),
    groupwise: degraded('of groups, and who was in them'),
  },
};

/** What keeps a configuration from being run. */
export interface CompositionProblem {
  /** Where in the configuration, as in `detectors.act`. */
  readonly path: string;
  /** A sentence: what does not go with what, why, and what would. */
  readonly reason: string;
}

/** What a configuration means. */
export interface CompositionReport {
  /** More than one where they are combined. */
  readonly modes: readonly Mode[];
  readonly problems: readonly CompositionProblem[];
  /** Parts that are in use and do not do all they could, and why: for the operator. */
  readonly notes: readonly string[];
  /** What is known of the draw of members: what accounts may make of it. */
  readonly facts: RoundFacts;
}

/** Sampling that counts is accounted for under some relations alone. */
function amplifiedRelation(config: RunConfig): CompositionProblem | undefined {
  const { privacy, selection } = config;
  if (privacy?.kind !== 'central' || !isSecretDraw(roundFacts(config))) return undefined;
  const { relation } = privacy;
  const fits =
    (selection.scheme !== 'uniform' || relation === 'replace-one') &&
    (selection.scheme !== 'poisson' || relation !== 'replace-one');
  if (fits) return undefined;
  const other = selection.scheme === 'uniform' ? 'replace-one' : 'add-remove or zero-out';
  const reason = `no gain by ${selection.scheme} sampling is known under ${relation}, take ${other}`;
  return problem('privacy.relation', reason);
}

/** Whether sampling counts. */
function isSecretDraw({ selection, closing, participation, adversary }: RoundFacts): boolean {
  return (
    selection === 'uniform' &&
    closing === 'all' &&
    participation === 'hidden' &&
    adversary === 'outsider'
  );
}

/** Rules that are a sum over a public constant, or a sum and a sum of weights. */
const MEANS: readonly string[] = ['mean', 'weighted-mean'];

type Check = (config: RunConfig) => CompositionProblem | undefined;

/** The modes of a configuration: `plain`, or all that protect updates in it. */
export function modesOf({ privacy, secure }: Pick<RunConfig, 'privacy' | 'secure'>): Mode[] {
  const modes: Mode[] = [];
  // Noise in shares is in sums before the server sees them: whatever it does with them is free.
  if (privacy?.kind === 'central' && privacy.noise === 'server') modes.push('central-dp');
  if (privacy?.kind === 'local') modes.push('local-dp');
  if (secure?.kind === 'sagg1') modes.push('sagg1');
  if (secure?.kind === 'groups') modes.push('groupwise');
  return modes.length === 0 ? ['plain'] : modes;
}

/** What detectors may do. */
export interface DetectionPowers {
  /** Whether the server sees anything that they could look at. */
  readonly looks: boolean;
  /** Whether an update that they suspect does not go on. */
  readonly excludes: boolean;
  /** Whether what is in updates is held against clients. */
  readonly holds: boolean;
}

/**
 * What detectors may do under the protection of a configuration. Whoever runs them asks here, so that a
 * configuration that was never checked gives them no more than one that was.
 */
export function detectionPowers(config: RunConfig): DetectionPowers {
  const modes = modesOf(config);
  const looks = modes.every((mode) => COMPOSITION.detectors[mode].verdict !== 'refused');
  const mayCount = looks && !modes.includes('central-dp');
  return {
    looks,
    excludes: mayCount && !modes.includes('groupwise') && config.detectors?.act === 'exclude',
    holds: mayCount && config.reputation?.evidence === 'content',
  };
}

/**
 * What of a configuration does not go together, and what it makes of its parts.
 *
 * SPECs that cannot be read are `config.ts`'s to report.
 */
export function checkComposition(config: RunConfig): CompositionReport {
  const modes = modesOf(config);
  const inUse = PARTS.filter((part) => isInUse(part, config));
  const cells = modes.flatMap((mode) => inUse.map((part) => ({ mode, part })));
  const problems = [
    ...cells.flatMap(({ mode, part }) => asked(mode, part, config)),
    ...GENERAL.flatMap((check) => check(config) ?? []),
  ];
  const notes = cells
    .filter(({ mode, part }) => COMPOSITION[part][mode].verdict === 'degraded')
    .map(({ mode, part }) => `${part} under ${NAMES[mode]}: ${COMPOSITION[part][mode].because}`);
  return { modes, problems, notes, facts: roundFacts(config) };
}

/** What modes are called in messages. */
const NAMES: { readonly [M in Mode]: string } = {
  plain: 'no protection',
  'central-dp': 'noise at the server',
  'local-dp': 'noise at each client',
  sagg1: 'secure aggregation',
  groupwise: 'secure aggregation in groups',
};

function isInUse(part: Part, { detectors, reputation }: RunConfig): boolean {
  if (part === 'detectors') return detectors !== undefined;
  if (part === 'reputation') return reputation !== undefined;
  return true;
}

/** Problems of one cell: it refuses the part, or less is left than is asked for. */
function asked(mode: Mode, part: Part, config: RunConfig): CompositionProblem[] {
  const { verdict, because } = COMPOSITION[part][mode];
  const path = PATHS[part];
  if (verdict === 'refused') {
    return [{ path, reason: `there are no ${part} under ${NAMES[mode]}: ${because}` }];
  }
  const found = ASKED[mode]?.[part]?.(config);
  if (found === undefined) return [];
  return [{ path: found.path, reason: `${found.reason}; under ${NAMES[mode]}: ${because}` }];
}

const PATHS: { readonly [P in Part]: string } = {
  screen: 'screen',
  detectors: 'detectors',
  reputation: 'reputation',
  rule: 'rule',
  optimiser: 'optimizer',
  reports: 'reports',
};

function problem(path: string, reason: string): CompositionProblem {
  return { path, reason };
}

const contentEvidence: Check = ({ reputation }) =>
  reputation?.evidence === 'content'
    ? problem('reputation.evidence', 'content is no evidence, take conduct')
    : undefined;
/** Optimisers that ask each client for numbers beside its update. */
const scalars =
  (mode: HidingMode): Check =>
  ({ optimizer }) => {
    const name = optimizer.split(':', 1)[0]!.trim();
    const entry = optimizers.find((one) => one.name === name);
    const reason = entry && refusalUnder(mode, entry);
    return reason === undefined ? undefined : problem('optimizer', reason);
  };
const hiddenUpdates: Check = ({ screen }) => {
  const path = screen.maxNorm !== undefined ? 'maxNorm' : screen.replay ? 'replay' : undefined;
  if (path === undefined) return undefined;
  return problem(`screen.${path}`, 'single updates cannot be checked');
};
const publicFigures: Check = ({ reports }) =>
  reports.public && reports.clients
    ? problem('reports.clients', 'a public report cannot hold figures of single clients')
    : undefined;

/** What a configuration may not ask of a part that is degraded. */
const ASKED: { readonly [M in Mode]?: { readonly [P in Part]?: Check } } = {
  'central-dp': {
    screen: ({ screen }) =>
      screen.comparisons
        ? problem('screen.comparisons', 'updates may not be compared with each other')
        : undefined,
    detectors: ({ detectors }) =>
      detectors?.act === 'exclude'
        ? problem('detectors.act', 'what detectors find may not exclude an update, take report')
        : undefined,
    reputation: contentEvidence,
    rule: releasableRule,
    optimiser: scalars('central-dp'),
    reports: publicFigures,
  },
  'local-dp': { optimiser: scalars('local-dp') },
  sagg1: {
    screen: hiddenUpdates,
    reputation: contentEvidence,
    rule: ({ rule }) =>
      MEANS.includes(ruleName(rule))
        ? undefined
        : problem('rule', `${ruleName(rule)} needs more than a sum, take mean, or groups`),
    optimiser: scalars('secure-aggregation'),
    reports: publicFigures,
  },
  groupwise: {
    screen: hiddenUpdates,
    detectors: ({ detectors }) =>
      detectors?.act === 'exclude'
        ? problem('detectors.act', 'the rule decides among groups, take report')
        : undefined,
    rule: groupRule,
    optimiser: scalars('secure-aggregation'),
    reports: publicFigures,
  },
};

function ruleName(spec: string): string {
  return spec.split(/[:+]/, 1)[0]!.trim();
}

/** The rule, if its SPEC can be read. */
export function ruleOf(spec: string): Rule | undefined {
  try {
    return parseRule(spec, allRules);
  } catch (cause) {
    if (cause instanceof AggregationError) return undefined;
    throw cause;
  }
}

/** The number of members of every round, where it is fixed. */
function fixedMembers({ selection }: Pick<RunConfig, 'selection'>): number | undefined {
  if (selection.scheme === 'everybody' || selection.scheme === 'poisson') return undefined;
  return Math.ceil(selection.count * selection.overSelection);
}

/** The bound itself is asked: of the rule, for as many rows as there are members. */
function releasableRule(config: RunConfig): CompositionProblem | undefined {
  const { privacy, rule: spec } = config;
  const rule = ruleOf(spec);
  if (rule === undefined || privacy?.kind !== 'central' || spec.trim() === 'mean') return undefined;
  const { sensitivity, onLattice } = rule;
  if (sensitivity === undefined || onLattice === undefined) {
    const lacks =
      sensitivity === undefined ? 'no bound on one client’s influence' : 'no integer form';
    return problem('rule', `${spec} has ${lacks}`);
  }
  const rows = fixedMembers(config);
  if (rows === undefined) {
    const why = 'its bound is for a fixed number of rows, take selection.count';
    return problem('rule', `${spec} cannot be released: ${why}`);
  }
  try {
    const { relation, clipNorm: norm } = privacy;
    sensitivityOf({ kind: 'rule', rule: { name: spec, sensitivity }, rows }, { relation, norm });
  } catch (cause) {
    if (cause instanceof PrivacyError || cause instanceof AggregationError) {
      return problem('rule', `${spec} cannot be released: ${cause.message}`);
    }
    throw cause;
  }
  return undefined;
}

/** The rule sees one row for each group. */
function groupRule(config: RunConfig): CompositionProblem | undefined {
  const { rule: spec, secure } = config;
  const rule = ruleOf(spec);
  const members = fixedMembers(config);
  if (rule === undefined || secure?.kind !== 'groups' || members === undefined) return undefined;
  const groups = Math.floor(members / secure.groupSize);
  if (groups >= rule.minClients) return undefined;
  return problem(
    'rule',
    `${spec} needs ${rule.minClients} rows, and ${members} clients in groups of ` +
      `${secure.groupSize} make ${groups}`,
  );
}

/** What does not go together whatever the matrix says. */
const GENERAL: readonly Check[] = [
  ({ rule }) =>
    /\bfools-gold\b(?!.*\bover *= *this-round\b)/.test(rule)
      ? problem('rule', 'no sums of what clients have sent are kept: fools-gold:over=this-round')
      : undefined,
  ({ privacy, secure }) =>
    privacy?.kind === 'central' && privacy.noise === 'shares' && secure === undefined
      ? problem('privacy.noise', 'noise in shares is for secure aggregation, which is off')
      : undefined,
  ({ privacy, secure }) =>
    privacy?.kind === 'central' && privacy.noise === 'server' && secure !== undefined
      ? problem(
          'privacy.noise',
          'the server cannot clip what it does not see, and would be trusted with sums in the ' +
            'clear: take shares',
        )
      : undefined,
  ({ privacy, secure }) =>
    privacy?.kind === 'local' && secure !== undefined
      ? problem(
          'privacy.kind',
          'noise that hides each update alone is far more than a hidden update needs: take central ' +
            'noise in shares',
        )
      : undefined,
  ({ privacy, rule }) =>
    privacy?.kind === 'central' && privacy.noise === 'shares' && ruleName(rule) === 'weighted-mean'
      ? problem('rule', 'noise in shares is planned for updates that all count alike, take mean')
      : undefined,
  ({ selection, reputation }) =>
    selection.scheme === 'reputation' && reputation === undefined
      ? problem('selection.scheme', 'selection by reputation needs a reputation block')
      : undefined,
  ({ privacy, round }) =>
    privacy?.kind === 'central' && privacy.relation === 'add-remove' && (round.quorum ?? 0) > 0
      ? problem(
          'round.quorum',
          'add-remove hides how many took part, which a round that fails below a quorum tells: ' +
            'take 0, or another relation',
        )
      : undefined,
  ({ selection: { scheme, overSelection } }) =>
    overSelection > 1 && (scheme === 'everybody' || scheme === 'poisson')
      ? problem('selection.overSelection', `${scheme} asks for no number that could be exceeded`)
      : undefined,
  amplifiedRelation,
  ({ selection, round }) => {
    const members = 'count' in selection ? fixedMembers({ selection }) : undefined;
    const wanted = round.wanted ?? ('count' in selection ? selection.count : undefined);
    if (wanted === undefined) return undefined;
    if (members !== undefined && !round.lateJoin && wanted > members) {
      return problem('round.wanted', `${wanted} updates are wanted of ${members} members`);
    }
    return (round.quorum ?? 0) > wanted
      ? problem('round.quorum', `a quorum of ${round.quorum} is more than the ${wanted} wanted`)
      : undefined;
  },
  ({ secure, round, selection }) => {
    if (secure === undefined || !('count' in selection)) return undefined;
    if (secure.kind === 'groups' && secure.groupSize < secure.minSum) {
      const { groupSize, minSum } = secure;
      return problem('secure.groupSize', `groups of ${groupSize} make no sums of ${minSum}`);
    }
    const members = fixedMembers({ selection })!;
    return members < secure.minSum || (round.wanted ?? members) < secure.minSum
      ? problem('secure.minSum', `${members} members make no sum of ${secure.minSum}`)
      : undefined;
  },
];

/**
 * What is true of every round's draw, as far as amplification by sampling depends on it. Sampling counts
 * only if nothing but chance decides who is in the result, nobody who sees results sees who was drawn, and
 * the server is not the adversary. It does not count where
 *
 * - chances differ or depend on clients: by reputation, by attributes, by who is present, by joining late,
 *   or because quarantine keeps some out;
 * - closing depends on clients: when enough have sent, or failing below a quorum or a least sum;
 * - the draw can be seen or foreseen: by default (members are told, and the server's pages show them), or
 *   because a seed is configured.
 */
export function roundFacts(config: RunConfig): RoundFacts {
  const { selection, round, reputation, privacy, secure } = config;
  const secrecy = privacy?.kind === 'central' ? privacy.secrecy : undefined;
  const weighted = [
    selection.scheme === 'reputation' && 'selection is by reputation',
    selection.from === 'present' && 'only clients that are present are asked',
    selection.where !== undefined && 'clients are asked by what they say of themselves',
    round.lateJoin && 'clients may join late',
    reputation !== undefined && 'quarantine keeps clients out',
  ].filter((one) => one !== false);
  const quorum = [
    round.closing === 'wanted' && 'a round closes when enough have sent',
    (round.quorum ?? 0) > 0 && 'a round fails below its quorum',
    secure !== undefined && 'a sum is not opened over fewer than its least',
  ].filter((one) => one !== false);
  const foreseen = selection.seed !== undefined && 'the seed of the selection is configured';
  const given = secrecy?.reason ?? 'nothing was said of who sees who takes part';
  return {
    selection: weighted.length > 0 ? 'weighted' : 'uniform',
    closing: quorum.length > 0 ? 'quorum' : 'all',
    participation: foreseen ? 'visible' : (secrecy?.participation ?? 'visible'),
    adversary: secrecy?.adversary ?? 'server',
    reason: [...weighted, ...quorum, ...(foreseen ? [foreseen] : []), given].join('; '),
  };
}

/** The matrix as a table in Markdown, one row for each part. */
export function compositionTable(): string {
  const head = ['', ...MODES.map((mode) => NAMES[mode])];
  const rows = PARTS.map((part) => [
    `**${part}**`,
    ...MODES.map((mode) => {
      const { verdict, because } = COMPOSITION[part][mode];
      return `${verdict}: ${because}`;
    }),
  ]);
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
