/** The SPEC grammar, right and wrong. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { integer, integers, optional, real, reals, word } from '../../src/core/parameter.ts';
import { entryFor, makeFor, parseSpec, readOptions } from '../../src/core/spec.ts';

const only = (text: string) => parseSpec(text)[0]!;

const badSpec = (message: string) =>
  expect.objectContaining({ code: 'bad-spec', message: expect.stringContaining(message) });

describe('parseSpec', () => {
  test('reads a name without options', () => {
    expect(parseSpec('median')).toEqual([{ name: 'median', options: new Map() }]);
  });

  test('reads options in order, with room around them', () => {
    expect([...only(' multi-krum : f = 3, m=5 ').options]).toEqual([
      ['f', '3'],
      ['m', '5'],
    ]);
  });

  test('joins parts with +, and leaves the + of a number alone', () => {
    const parts = parseSpec('clip-norm:max=1e+3+nnm:f=+2 + trimmed-mean:f=2');
    expect(parts.map(({ name }) => name)).toEqual(['clip-norm', 'nnm', 'trimmed-mean']);
    expect(readOptions(parts[0]!, { max: real('') })).toEqual({ max: 1000 });
    expect(readOptions(parts[1]!, { f: integer('') })).toEqual({ f: 2 });
  });

  test.each([
    ['', 'must start with a name'],
    ['+median', 'must start with a name'],
    ['median+', 'must start with a name'],
    ['nnm:f=2+', 'must start with a name'],
    [':f=2', 'must start with a name'],
    ['krum f=1', 'must start with a name'],
    ['krum:', 'must read key=value'],
    ['krum:f', 'must read key=value, got "f"'],
    ['krum:f=', 'must read key=value'],
    ['krum:=2', 'must read key=value'],
    ['krum:f=1,', 'must read key=value'],
    ['krum:f=1,f=2', 'krum has the option f twice'],
    ['a'.repeat(2 ** 20 + 1), '1048576 characters'],
  ])('refuses %.20j', (text, message) => {
    expect(() => parseSpec(text)).toThrow(badSpec(message));
  });
});

describe('readOptions', () => {
  const schema = {
    f: integer('bound'),
    tau: optional(real('radius')),
    mode: optional(word('how', ['fast', 'slow'])),
    order: optional(integers('rows')),
    weights: optional(reals('one each')),
  };

  test('gives typed values, and only those that were written', () => {
    const options = readOptions(only('x:f=2,mode=slow,order=2/0/1,weights=.5/1e1'), schema);
    expect(options).toEqual({ f: 2, mode: 'slow', order: [2, 0, 1], weights: [0.5, 10] });
    expectTypeOf(options).branded.toEqualTypeOf<{
      readonly f: number;
      readonly tau?: number;
      readonly mode?: 'fast' | 'slow';
      readonly order?: readonly number[];
      readonly weights?: readonly number[];
    }>();
  });

  test.each([
    ['x', 'x needs the option f (bound), as in x:f=…'],
    ['x:f=two', 'option f of x must be an integer, got "two"'],
    ['x:f=1.5', 'must be an integer'],
    ['x:f=0x10', 'must be an integer'],
    ['x:f=1e99', 'must be an integer'],
    ['x:f=1,tau=NaN', 'option tau of x must be a number, got "NaN"'],
    ['x:f=1,tau=1e999', 'must be a number'],
    ['x:f=1,mode=Fast', 'must be one of fast, slow, got "Fast"'],
    ['x:f=1,order=1//2', 'must be integers with / between them'],
    ['x:f=1,g=1', 'x has no option "g"; its options are f, tau, mode'],
    ['x:f=1,constructor=1', 'x has no option "constructor"'],
  ])('refuses %j', (text, message) => {
    expect(() => readOptions(only(text), schema)).toThrow(badSpec(message));
  });

  test('says so where there are no options at all', () => {
    expect(() => readOptions(only('x:f=1'), {})).toThrow(badSpec('x has no options, got "f"'));
  });
});

describe('entryFor', () => {
  const list = { kind: 'rule', entries: [{ name: 'krum' }, { name: 'trimmed-mean' }] };

  test('finds the entry, and nothing by a name that objects have', () => {
    expect(entryFor(only('krum:f=1'), list)).toBe(list.entries[0]);
    expect(() => entryFor(only('constructor'), list)).toThrow(
      badSpec('no rule is called "constructor". There are: krum, trimmed-mean'),
    );
  });

  test.each(['trimmedmean', 'TrimmedMean', 'trimed-mean'])(
    '%s: suggests what was meant',
    (name) => {
      expect(() => entryFor(only(name), list)).toThrow(badSpec('did you mean trimmed-mean?'));
    },
  );
});

test('makeFor turns what a factory refuses into an error about the SPEC, and nothing else', () => {
  const refuse = () => {
    throw new RangeError('f must be at least 0, got -1');
  };
  expect(() => makeFor(only('krum'), refuse)).toThrow(
    badSpec('krum: f must be at least 0, got -1'),
  );
  const fail = () => {
    throw new Error('the roof is on fire');
  };
  expect(() => makeFor(only('krum'), fail)).toThrow('the roof is on fire');
});
