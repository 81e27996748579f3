/** The SPEC grammar, right and wrong. */

import { describe, expect, expectTypeOf, test } from 'vitest';
import { parseSpec, readOptions } from '../../src/core/spec.ts';

const only = (text: string) => parseSpec(text)[0]!;

describe('parseSpec', () => {
  test('reads a name without options', () => {
    expect(parseSpec('median')).toEqual([{ name: 'median', options: new Map() }]);
  });

  test('reads options in order', () => {
    expect([...only('multi-krum:f=3,m=5').options]).toEqual([
      ['f', '3'],
      ['m', '5'],
    ]);
  });

  test('joins steps with +, and leaves the + of an exponent alone', () => {
    const steps = parseSpec('clip-norm:max=1e+3+nnm:f=2+trimmed-mean:f=2');
    expect(steps.map(({ name }) => name)).toEqual(['clip-norm', 'nnm', 'trimmed-mean']);
    expect(readOptions(steps[0]!, { max: 'number' })).toEqual({ max: 1000 });
  });

  test.each([
    ['', 'must start with a name'],
    ['+median', 'must start with a name'],
    ['median+', 'must start with a name'],
    [':f=2', 'must start with a name'],
    ['krum:', 'must read key=value'],
    ['krum:f', 'must read key=value, got "f"'],
    ['krum:f=', 'must read key=value'],
    ['krum:=2', 'must read key=value'],
    ['krum:f=1,', 'must read key=value'],
    ['krum:f=1,f=2', 'option f of krum is given twice'],
    ['krum f=1', 'must start with a name'],
    ['a'.repeat(5000), '4096 characters'],
  ])('refuses %j', (text, message) => {
    expect(() => parseSpec(text)).toThrow(
      expect.objectContaining({ code: 'bad-spec', message: expect.stringContaining(message) }),
    );
  });
});

describe('readOptions', () => {
  test('gives typed values, and only those that were written', () => {
    const options = readOptions(only('x:f=2,mode=slow'), {
      f: 'integer',
      m: 'integer?',
      tau: 'number?',
      mode: ['fast', 'slow'],
    });
    expect(options).toEqual({ f: 2, mode: 'slow' });
    expectTypeOf(options).branded.toEqualTypeOf<{
      readonly f: number;
      readonly m?: number;
      readonly tau?: number;
      readonly mode?: 'fast' | 'slow';
    }>();
  });

  test.each([
    ['x', 'x needs the option f, as in x:f=1'],
    ['x:f=two', 'option f of x must be an integer, got "two"'],
    ['x:f=1.5', 'must be an integer'],
    ['x:f=0x10', 'must be an integer'],
    ['x:f=1e99', 'must be an integer'],
    ['x:f=1,tau=NaN', 'option tau of x must be a number, got "NaN"'],
    ['x:f=1,tau=1e999', 'must be a number'],
    ['x:f=1,mode=Fast', 'must be one of fast, slow, got "Fast"'],
    ['x:f=1,g=1', 'x has no option g; it takes f, tau, mode'],
    ['x:f=1,constructor=1', 'x has no option constructor'],
  ])('refuses %j', (text, message) => {
    const kinds = { f: 'integer', tau: 'number?', mode: ['fast', 'slow'] } as const;
    expect(() => readOptions(only(text), kinds)).toThrow(
      expect.objectContaining({ code: 'bad-spec', message: expect.stringContaining(message) }),
    );
  });
});
