import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  COMPOSITION,
  compositionTable,
  MODES,
  type Mode,
  PARTS,
} from '../../src/federation/composition.ts';
import { checkConfig } from '../../src/federation/config.ts';

const PLAIN = {
  model: 'model.safetensors',
  rule: 'trimmed-mean:f=4',
  rounds: 20,
  enrolment: { kind: 'open' },
  selection: { scheme: 'uniform', count: 40, from: 'enrolled' },
};
const CENTRAL = {
  kind: 'central',
  relation: 'replace-one',
  clipNorm: 1,
  noiseMultiplier: 1,
  epsilon: 8,
  delta: 1e-5,
};
const SECRECY = {
  participation: 'hidden',
  adversary: 'outsider',
  reason: 'members are told over TLS',
};
const SHARES = { ...CENTRAL, noise: 'shares' };
const LOCAL = { kind: 'local', mechanism: 'priv-unit', epsilon: 8, clipNorm: 1 };
const SAGG1 = { kind: 'sagg1', clip: 1 };
const GROUPS = { kind: 'groups', clip: 1, groupSize: 5, minSum: 3 };

/** A configuration of each mode that can be run, and uses nothing beyond. */
const RUNS: { readonly [M in Mode]: Record<string, unknown> } = {
  plain: {},
  'central-dp': { privacy: CENTRAL },
  'local-dp': { privacy: LOCAL },
  sagg1: { secure: SAGG1, rule: 'mean' },
  groupwise: { secure: GROUPS, rule: 'median' },
};

function check(changes: Record<string, unknown>) {
  const result = checkConfig({ ...PLAIN, ...changes });
  return 'problems' in result
    ? { problems: result.problems.map(({ path, reason }) => `${path}: ${reason}`) }
    : { problems: [], ...result };
}

describe('what goes together', () => {
  test.each(MODES)('lets %s run, and is of that mode', (mode) => {
    const result = check(RUNS[mode]);
    expect(result.problems).toEqual([]);
    expect('composition' in result && result.composition.modes).toEqual([mode]);
  });

  test.each(MODES)('says of %s what is degraded of the parts in use, and no more', (mode) => {
    const result = check(RUNS[mode]);
    const parts = PARTS.filter((part) => part !== 'detectors' && part !== 'reputation');
    const found = parts.filter((part) => COMPOSITION[part][mode].verdict === 'degraded');
    const notes = 'composition' in result ? result.composition.notes : [];
    expect(notes.map((note) => note.split(' ', 1)[0])).toEqual(found);
  });

  test.each([
    [
      'central-dp',
      { detectors: { use: 'article', act: 'exclude' } },
      /^detectors\.act: .*outside of ε/,
    ],
    [
      'central-dp',
      { reputation: { evidence: 'content' } },
      /^reputation\.evidence: .*never of what is in an update/,
    ],
    ['central-dp', { screen: { comparisons: true } }, /^screen\.comparisons:/],
    ['central-dp', { rule: 'median' }, /^rule: median has no bound on one client’s influence/],
    ['central-dp', { rule: 'multi-krum:f=4' }, /^rule: multi-krum:f=4 has no bound/],
    ['central-dp', { optimizer: 'fed-nova' }, /^optimizer: fed-nova asks every client for steps/],
    ['central-dp', { reports: { public: true } }, /^reports\.clients:/],
    [
      'local-dp',
      { optimizer: 'q-fed-avg:q=1' },
      /^optimizer: q-fed-avg asks every client for loss/,
    ],
    [
      'sagg1',
      { detectors: { use: 'article' } },
      /^detectors: there are no detectors .* no single update/,
    ],
    ['sagg1', { reputation: { evidence: 'content' } }, /^reputation\.evidence: .*conduct alone/],
    [
      'sagg1',
      { rule: 'trimmed-mean:f=4' },
      /^rule: trimmed-mean needs more than a sum, take mean, or groups/,
    ],
    ['sagg1', { screen: { maxNorm: 1 } }, /^screen\.maxNorm:/],
    ['sagg1', { optimizer: 'fed-nova' }, /^optimizer:/],
    [
      'groupwise',
      { rule: 'krum:f=3' },
      /^rule: krum:f=3 needs 9 rows, and 40 clients in groups of 5 make 8/,
    ],
    ['groupwise', { screen: { replay: true } }, /^screen\.replay:/],
    ['groupwise', { optimizer: 'q-fed-avg' }, /^optimizer:/],
  ] as const)('refuses under %s %j', (mode, changes, message) => {
    const { problems } = check({ ...RUNS[mode], ...changes });
    expect(problems).toEqual([expect.stringMatching(message)]);
    // The same is no problem where nothing is protected, or else it would say nothing of the mode.
    const plain = Object.fromEntries(
      Object.entries(changes).filter(([name]) => name !== 'rule' || mode !== 'groupwise'),
    );
    expect(check(plain).problems).toEqual([]);
  });

  test.each([
    ['conduct as evidence under noise', { privacy: CENTRAL, reputation: { evidence: 'conduct' } }],
    ['detectors that report under noise', { privacy: CENTRAL, detectors: { use: 'article' } }],
    ['a rule of the analysis', { rule: 'nnm:f=4 + flame' }],
    ['FoolsGold on each round alone', { rule: 'fools-gold: over = this-round' }],
    ['any rule after local noise', { privacy: LOCAL, rule: 'multi-krum:f=4' }],
    [
      'content as evidence after local noise',
      { privacy: LOCAL, reputation: { evidence: 'content' } },
    ],
    [
      'detectors of group sums',
      { secure: GROUPS, rule: 'median', detectors: { use: 'article', act: 'exclude' } },
    ],
    [
      'noise in shares, groups and a robust rule',
      { secure: GROUPS, rule: 'median', privacy: SHARES },
    ],
    ['noise in shares and secure aggregation', { secure: SAGG1, rule: 'mean', privacy: SHARES }],
  ])('lets run %s', (_, changes) => {
    expect(check(changes).problems).toEqual([]);
  });

  test.each([
    [{ rule: 'nnm:f=4+fools-gold' }, /^rule: no sums of what clients have sent are kept/],
    [{ privacy: SHARES }, /^privacy\.noise: noise in shares is for secure aggregation/],
    [{ privacy: CENTRAL, secure: SAGG1, rule: 'mean' }, /^privacy\.noise: the server cannot clip/],
    [{ privacy: LOCAL, secure: SAGG1, rule: 'mean' }, /^privacy\.kind:/],
    [
      { selection: { scheme: 'reputation', count: 40 } },
      /^selection\.scheme: .* needs a reputation block/,
    ],
    [
      { privacy: { ...CENTRAL, relation: 'add-remove' }, rule: 'mean', round: { quorum: 2 } },
      /^round\.quorum: add-remove hides/,
    ],
    [
      { privacy: { ...CENTRAL, relation: 'add-remove' } },
      /^rule: trimmed-mean:f=4 cannot be released: .*fixed number/,
    ],
    [
      { privacy: CENTRAL, selection: { scheme: 'poisson', rate: 0.1 } },
      /^rule: .* fixed number of rows/,
    ],
    [
      { privacy: CENTRAL, rule: 'trimmed-mean:f=20' },
      /^rule: trimmed-mean:f=20 cannot be released/,
    ],
    [{ round: { wanted: 41 } }, /^round\.wanted: 41 updates are wanted of 40 members/],
    [{ round: { quorum: 41 } }, /^round\.quorum: a quorum of 41 is more than the 40 wanted/],
    [
      { secure: { ...SAGG1, minSum: 50 }, rule: 'mean' },
      /^secure\.minSum: 40 members make no sum of 50/,
    ],
    [
      { secure: { ...GROUPS, minSum: 16 }, rule: 'median' },
      /^secure\.groupSize: groups of 5 make no sums of 16/,
    ],
    [
      { selection: { scheme: 'everybody', overSelection: 1.3 } },
      /^selection\.overSelection: everybody asks for no number/,
    ],
    [
      { privacy: { ...CENTRAL, relation: 'zero-out', secrecy: SECRECY } },
      /^privacy\.relation: no gain by uniform sampling is known under zero-out, take replace-one/,
    ],
    [
      {
        privacy: { ...CENTRAL, secrecy: SECRECY },
        rule: 'mean',
        selection: { scheme: 'poisson', rate: 0.1, from: 'enrolled' },
      },
      /^privacy\.relation: no gain by poisson sampling is known under replace-one/,
    ],
  ])('refuses %j', (changes, message) => {
    expect(check(changes).problems).toEqual([expect.stringMatching(message)]);
  });
});

describe('what is known of a draw', () => {
  const secret = { privacy: { ...CENTRAL, secrecy: SECRECY } };
  const facts = (changes: Record<string, unknown>) => {
    const result = check({ ...secret, ...changes });
    expect(result.problems).toEqual([]);
    return 'composition' in result ? result.composition.facts : undefined;
  };

  test('lets sampling count where chance alone decides and nobody sees it', () => {
    expect(facts({})).toEqual({
      selection: 'uniform',
      closing: 'all',
      participation: 'hidden',
      adversary: 'outsider',
      reason: SECRECY.reason,
    });
  });

  test.each([
    [
      'by reputation',
      { selection: { scheme: 'reputation', count: 40, from: 'enrolled' }, reputation: {} },
      { selection: 'weighted' },
    ],
    [
      'among those present',
      { selection: { scheme: 'uniform', count: 40 } },
      { selection: 'weighted' },
    ],
    [
      'by attributes',
      { selection: { scheme: 'uniform', count: 40, from: 'enrolled', where: { site: 'b' } } },
      { selection: 'weighted' },
    ],
    ['with late ones', { round: { lateJoin: true } }, { selection: 'weighted' }],
    ['without those in quarantine', { reputation: {} }, { selection: 'weighted' }],
    ['of the first to send', { round: { closing: 'wanted', wanted: 30 } }, { closing: 'quorum' }],
    ['that fails below a quorum', { round: { quorum: 5 } }, { closing: 'quorum' }],
    [
      'by a seed in a file',
      { selection: { scheme: 'uniform', count: 40, from: 'enrolled', seed: 1 } },
      { participation: 'visible' },
    ],
    [
      'of which nothing is said',
      { privacy: CENTRAL },
      { participation: 'visible', adversary: 'server' },
    ],
    [
      'whose sums have a least size',
      {
        privacy: { ...SHARES, secrecy: SECRECY },
        secure: SAGG1,
        rule: 'mean',
        round: { quorum: 0 },
      },
      { closing: 'quorum' },
    ],
  ])('does not let it count for a draw %s', (_, changes, expected) => {
    expect(facts(changes)).toMatchObject(expected);
  });
});

describe('docs/THREAT-MODEL.md', () => {
  test('prints the matrix as it is', () => {
    const text = readFileSync(new URL('../../docs/THREAT-MODEL.md', import.meta.url), 'utf8');
    expect(text).toContain(compositionTable());
  });
});
