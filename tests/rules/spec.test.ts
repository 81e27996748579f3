import { describe, expect, test } from 'vitest';
import { AggregationError } from '../../src/core/errors.ts';
import { analysisRules } from '../../src/rules/analysis-list.ts';
import { allRules } from '../../src/rules/full-list.ts';
import { rules } from '../../src/rules/list.ts';
import { parseRule } from '../../src/rules/spec.ts';
import { applyTo } from '../support/apply.ts';

function messageOf(spec: string): string {
  try {
    parseRule(spec);
  } catch (error) {
    expect(error).toBeInstanceOf(AggregationError);
    expect(error).toMatchObject({ code: 'bad-spec' });
    return (error as Error).message;
  }
  throw new Error(`"${spec}" was accepted`);
}

describe('a SPEC', () => {
  test('names a rule and its options', async () => {
    expect((await applyTo(parseRule('mean'), [1, 5])).value).toEqual([3]);
    expect((await applyTo(parseRule('trimmed-mean:f=1'), [0, 1, 9])).value).toEqual([1]);
    const rows = [19, 11, 3, 9, 30, 10, 21, 12];
    expect((await applyTo(parseRule('krum:f=2,preset=byzfl'), rows)).value).toEqual([11]);
    expect((await applyTo(parseRule('multi-krum: f = 2, m = 2'), rows)).value).toEqual([9.5]);
  });

  test('joins stages and a rule with +', async () => {
    const rule = parseRule('clip-norm:max=1+nnm:f=2+trimmed-mean:f=2');
    expect(rule.name).toBe('clip-norm+nnm+trimmed-mean');
    expect(rule.minClients).toBe(5);
    expect((await applyTo(parseRule('clip-norm:max=2e+0 + mean'), [1, 9])).value).toEqual([1.5]);
  });

  test('takes lists with slashes', async () => {
    const weighted = parseRule('weighted-mean:weights=1/3');
    expect((await applyTo(weighted, [0, 4])).value).toEqual([3]);
    const buckets = parseRule('bucketing:size=2,permutation=2/0/1+median');
    expect((await applyTo(buckets, [1, 2, 6])).value).toEqual([2.75]);
  });

  test('says which rules there are, and which was meant', () => {
    const message = messageOf('krumm:f=1');
    expect(message).toContain('no rule is called "krumm"; did you mean krum?');
    for (const { name } of rules) expect(message).toContain(name);
    expect(messageOf('meamed:f=1')).toContain('did you mean mea-med?');
    expect(messageOf('TrimmedMean:f=1')).toContain('did you mean trimmed-mean?');
    expect(messageOf('xyzzy')).not.toContain('did you mean');
    expect(messageOf('')).toContain('must start with a name, as in trimmed-mean:f=2, got ""');
    expect(messageOf('nnm:f=1+')).toContain(
      'must start with a name, as in trimmed-mean:f=2, got ""',
    );
    expect(messageOf('toString')).toContain('no rule is called "toString"');
  });

  test('says which options there are', () => {
    expect(messageOf('krum:f=1,n=3')).toBe('krum has no option "n"; its options are f, preset');
    expect(messageOf('mean:f=1')).toBe('mean has no options, got "f"');
    expect(messageOf('krum:constructor=1')).toContain('krum has no option "constructor"');
  });

  test('names the rules of the analysis once they are given', () => {
    expect(messageOf('flame')).toContain('no rule is called "flame"');
    expect(parseRule('nnm:f=1+flame', [...rules, ...analysisRules]).name).toBe('nnm+flame');
    expect(parseRule('nnm:f=1+flame', allRules).name).toBe('nnm+flame');
  });

  test('says what is missing, double or malformed', () => {
    expect(messageOf('krum')).toBe(
      'krum needs the option f (clients that may be Byzantine), as in krum:f=…',
    );
    expect(messageOf('krum:f=1,f=2')).toBe('krum has the option f twice');
    expect(messageOf('krum:2')).toBe('option of krum must read key=value, got "2"');
    expect(messageOf('krum:f=two')).toBe('option f of krum must be an integer, got "two"');
    expect(messageOf('krum:f=')).toBe('option of krum must read key=value, got "f="');
    expect(messageOf('krum:f=1.5')).toBe('option f of krum must be an integer, got "1.5"');
    expect(messageOf('clip-norm:max=Infinity+mean')).toBe(
      'option max of clip-norm must be a number, got "Infinity"',
    );
    expect(messageOf('krum:f=1,preset=blades')).toBe(
      'option preset of krum must be one of paper, byzfl, flower, got "blades"',
    );
    expect(messageOf('weighted-mean:weights=1/x')).toContain('must be numbers with / between them');
  });

  test('passes on what the rule itself refuses', () => {
    expect(messageOf('krum:f=-1')).toBe('krum: f must be at least 0, got -1');
    expect(messageOf('trimmed-mean-beta:beta=0.5')).toContain('beta must be in [0, 0.5)');
    expect(messageOf('bucketing:size=2+mean')).toBe('bucketing: needs either seed or permutation');
  });

  test('says that a pipeline ends in a rule, and only ends in one', () => {
    expect(messageOf('nnm:f=1')).toBe('nnm is a stage: a rule must follow it, as in nnm…+mean');
    expect(messageOf('krum:f=1+nnm:f=1')).toContain('nnm is a stage');
    expect(messageOf('krum:f=1+mean')).toBe('krum ends a pipeline: nothing can follow it');
  });
});

describe('the list of rules', () => {
  test('has every rule once, in order of names', () => {
    const names = allRules.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toContain('krum');
    expect(names).toContain('nnm');
  });

  test('is that of the main entry and that of the analysis, which share nothing', () => {
    const names = (entries: typeof rules) => entries.map(({ name }) => name);
    expect(names(analysisRules)).toEqual(['dnc', 'fl-trust', 'flame', 'fools-gold', 'sign-guard']);
    expect(names([...rules, ...analysisRules]).sort()).toEqual(names(allRules));
  });

  test('makes from each sample and variant a rule of that name that admits the cohort', async () => {
    const cohort = { n: 15, f: 2 };
    const rows = Array.from({ length: cohort.n }, (_, i) => [i, -i, i * i]);
    const round = { exampleCounts: rows.map((_, i) => i + 1) };
    for (const entry of allRules) {
      for (const options of [entry.sample(cohort), ...entry.variants(cohort)]) {
        const stage = entry.make(options);
        expect(stage.name).toBe(entry.name);
        expect(stage.minClients ?? 1).toBeLessThanOrEqual(cohort.n);
        const { rows: out } = await applyTo(stage, rows, round);
        expect(out).toHaveLength(entry.kind === 'rule' ? 1 : (stage.rowsOut?.(15) ?? 15));
        expect(out.flat().every(Number.isFinite)).toBe(true);
      }
    }
  });

  test('names as scaled only options that exist', () => {
    for (const { scaled = [], parameters } of allRules) {
      for (const option of scaled) expect(Object.keys(parameters)).toContain(option);
    }
  });
});
