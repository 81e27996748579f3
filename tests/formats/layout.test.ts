import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dtype } from '../../src/formats/dtype.ts';
import { compare, layoutOf, matches, vectorLayout } from '../../src/formats/layout.ts';
import type { SafetensorsHeader, TensorEntry } from '../../src/formats/safetensors.ts';

type Sketch = Readonly<Record<string, readonly [Dtype, ...number[]]>>;

/** A header of these tensors; where their bytes lie does not matter to a layout. */
function header(tensors: Sketch): SafetensorsHeader {
  const entries = Object.entries(tensors).map(
    ([name, [dtype, ...shape]]): [string, TensorEntry] => [
      name,
      { name, dtype, shape, from: 0, to: 0 },
    ],
  );
  return { metadata: new Map(), tensors: new Map(entries) };
}

const same = (n: number, tensors: Sketch) => Array.from({ length: n }, () => header(tensors));

describe('layoutOf', () => {
  it('takes columns in the order of names, scalars and empty tensors included', () => {
    const layout = layoutOf(
      same(3, { w: ['F32', 2, 3], b: ['F32'], e: ['F32', 0, 4], 'a.x': ['F16', 5] }),
    );
    expect(layout.tensors).toEqual([
      { name: 'a.x', shape: [5], from: 0, to: 5 },
      { name: 'b', shape: [], from: 5, to: 6 },
      { name: 'e', shape: [0, 4], from: 6, to: 6 },
      { name: 'w', shape: [2, 3], from: 6, to: 12 },
    ]);
    expect(layout.cols).toBe(12);
  });

  it('does not depend on the order of tensors or of updates', () => {
    const tensors: [string, readonly [Dtype, ...number[]]][] = [
      ['z', ['F32', 2]],
      ['\u{1f600}', ['F32', 1]],
      ['\uffff', ['F32', 3]],
      ['n', ['I64']],
      ['A', ['BF16', 2, 2]],
    ];
    const expected = layoutOf([header(Object.fromEntries(tensors))]);
    expect(expected.tensors.map((t) => t.name)).toEqual(['A', 'z', '\uffff', '\u{1f600}']);
    fc.assert(
      fc.property(fc.shuffledSubarray(tensors, { minLength: tensors.length }), (shuffled) => {
        expect(layoutOf([header(Object.fromEntries(shuffled))])).toEqual(expected);
      }),
      { seed: 1 },
    );
  });

  it('is decided by most updates, not by the first', () => {
    const honest = { w: ['F32', 4], n: ['I64'] } as const;
    const rogue = header({ w: ['F32', 9], n: ['F8_E4M3'], extra: ['F8_E4M3', 2] });
    const updates = [rogue, ...same(2, honest)];
    const layout = layoutOf(updates);
    expect(layout).toEqual(layoutOf(same(1, honest)));
    expect(updates.map((u) => compare(layout, u).length)).toEqual([3, 0, 0]);
  });

  it('lets updates mix the types of floats', () => {
    const mixed = [
      header({ w: ['F16', 4] }),
      header({ w: ['BF16', 4] }),
      header({ w: ['F64', 4] }),
    ];
    const layout = layoutOf(mixed);
    expect(layout.cols).toBe(4);
    expect(mixed.flatMap((u) => compare(layout, u))).toEqual([]);
  });

  it('takes the type of a copied tensor from most updates too', () => {
    const policies = { frozen: 'copy-from-base' } as const;
    const updates = [
      header({ w: ['F32', 1], frozen: ['F16', 4] }),
      ...same(2, { w: ['F32', 1], frozen: ['F32', 4] }),
    ];
    const layout = layoutOf(updates, { policies });
    expect(layout.carried).toEqual([
      { name: 'frozen', dtype: 'F32', shape: [4], policy: 'copy-from-base' },
    ]);
    expect(updates.map((u) => compare(layout, u))).toEqual([
      ['has tensor "frozen" of type F16, needs F32'],
      [],
      [],
    ]);
  });

  it('has nothing to offer where updates share nothing', () => {
    const code = { code: 'mismatch' };
    expect(() => layoutOf([])).toThrow(expect.objectContaining(code));
    expect(() => layoutOf([header({ a: ['F32', 1] }), header({ b: ['F32', 1] })])).toThrow(
      expect.objectContaining(code),
    );
    expect(() => layoutOf(same(2, { n: ['I64'] }))).toThrow('no tensor to aggregate');
  });
});

describe('policies', () => {
  it('by default aggregate floats and copy integers and BOOL', () => {
    const layout = layoutOf(same(1, { w: ['F32', 2], n: ['I64'], m: ['BOOL', 3], h: ['BF16'] }));
    expect(layout.tensors.map((t) => t.name)).toEqual(['h', 'w']);
    expect(layout.carried).toEqual([
      { name: 'm', dtype: 'BOOL', shape: [3], policy: 'copy-from-base' },
      { name: 'n', dtype: 'I64', shape: [], policy: 'copy-from-base' },
    ]);
  });

  it('are stated by pattern, the first that fits, or by a function', () => {
    const tensors = {
      'a.w': ['F32', 2],
      'a.frozen': ['F16', 2],
      'b.n': ['I64'],
      'opt.m': ['F32', 2],
    } as const;
    const byPattern = layoutOf(same(1, tensors), {
      policies: { 'opt.*': 'exclude', 'a.f*': 'mean', '*.n': 'mean', '*': 'aggregate' },
    });
    const byFunction = layoutOf(same(1, tensors), {
      policies: ({ name, dtype, shape, missing }) => {
        expect(missing).toBe(false);
        if (name === 'opt.m') return 'exclude';
        if (dtype === 'F16') return 'mean';
        return shape.length === 0 ? 'mean' : undefined;
      },
    });
    expect(byPattern).toEqual(byFunction);
    expect(byPattern.tensors.map((t) => t.name)).toEqual(['a.w']);
    // The mean of floats is written as f32, whatever came.
    expect(byPattern.carried).toEqual([
      { name: 'a.frozen', dtype: 'F32', shape: [2], policy: 'mean' },
      { name: 'b.n', dtype: 'I64', shape: [], policy: 'mean' },
    ]);
    expect([...byPattern.excluded]).toEqual(['opt.m']);
  });

  it('must suit the type, and must exist', () => {
    const one = (dtype: Dtype, policy?: string) =>
      layoutOf(same(1, { w: ['F32'], t: [dtype, 8] }), {
        policies: policy ? ({ t: policy } as Record<string, 'mean'>) : {},
      });
    expect(() => one('I64', 'aggregate')).toThrow('"t" of type I64 cannot be aggregated');
    expect(() => one('F8_E4M3')).toThrow('"t" of type F8_E4M3 cannot be aggregated');
    expect(() => one('C64', 'mean')).toThrow('"t" of type C64 cannot be averaged');
    expect(one('F8_E4M3', 'copy-from-base').carried).toHaveLength(1);
    expect(() => one('F32', 'median')).toThrow(RangeError);
  });

  it('to exclude hold for names that only one update has', () => {
    const updates = [
      ...same(2, { w: ['F32', 1] }),
      header({ w: ['F32', 1], 'opt.m': ['F8_E4M3', 1] }),
    ];
    const layout = layoutOf(updates, { policies: { 'opt.*': 'exclude' } });
    expect(updates.flatMap((u) => compare(layout, u))).toEqual([]);
  });
});

describe('with a base', () => {
  const base = header({ w: ['F32', 4], 'lora.A': ['F32', 2], 'lora.B': ['F32', 3], n: ['I64'] });

  it('an adapter leaves the rest of the base as it is', () => {
    const updates = same(3, { 'lora.A': ['F16', 2], 'lora.B': ['F16', 3] });
    const layout = layoutOf(updates, { base });
    expect(layout.tensors.map((t) => t.name)).toEqual(['lora.A', 'lora.B']);
    expect(layout.carried.map((t) => [t.name, t.policy])).toEqual([
      ['n', 'copy-from-base'],
      ['w', 'copy-from-base'],
    ]);
    expect(updates.flatMap((u) => compare(layout, u))).toEqual([]);
  });

  it('what half of the updates have is not what most have', () => {
    const whole = { w: ['F32', 4], 'lora.A': ['F32', 2], 'lora.B': ['F32', 3] } as const;
    const { w: _, ...adapter } = whole;
    const columns = (updates: SafetensorsHeader[]) =>
      layoutOf(updates, { base }).tensors.map((t) => t.name);
    expect(columns([header(whole), header(adapter)])).toEqual(['lora.A', 'lora.B']);
    expect(columns([header(whole), header(adapter), header(whole)])).toContain('w');
  });

  it('a policy sees what is missing, and can leave it out of the result', () => {
    const layout = layoutOf(same(3, { 'lora.A': ['F32', 2], 'lora.B': ['F32', 3] }), {
      base,
      policies: ({ missing }) => (missing ? 'exclude' : undefined),
    });
    expect(layout.carried).toEqual([]);
    expect([...layout.excluded]).toEqual(['n', 'w']);
  });

  it('a frozen tensor may come or not: it is never read', () => {
    const updates = [
      header({ w: ['F32', 4], 'lora.A': ['F32', 2], 'lora.B': ['F32', 3], n: ['I64'] }),
      header({ w: ['F32', 5], 'lora.A': ['F32', 2], 'lora.B': ['F32', 3] }),
    ];
    const layout = layoutOf(updates, { base, policies: { w: 'copy-from-base' } });
    expect(updates.flatMap((u) => compare(layout, u))).toEqual([]);
  });

  it('the base decides names and shapes; what it does not know is told', () => {
    const updates = same(2, {
      w: ['F32', 5],
      'lora.A': ['F32', 2],
      'lora.B': ['F32', 3],
      v: ['F32'],
    });
    const layout = layoutOf(updates, { base });
    expect(compare(layout, updates[0]!)).toEqual([
      'has tensor "w" of shape [5], needs [4]',
      'has tensor "v", which is not in the layout',
    ]);
  });

  it('a stated policy that reads a missing tensor makes it required', () => {
    const updates = same(2, { w: ['F32', 4], 'lora.A': ['F32', 2], 'lora.B': ['F32', 3] });
    const layout = layoutOf(updates, { base, policies: { n: 'mean' } });
    expect(compare(layout, updates[0]!)).toEqual(['lacks tensor "n"']);
  });

  it('alone stands for updates that have all of it', () => {
    expect(layoutOf([], { base }).tensors.map((t) => t.name)).toEqual(['lora.A', 'lora.B', 'w']);
  });
});

describe('compare', () => {
  const layout = layoutOf(same(1, { a: ['F32', 2], b: ['F32', 2, 2], n: ['I64'] }));

  it.each<[string, Sketch, string[]]>([
    ['nothing', { a: ['F32', 2], b: ['F32', 2, 2], n: ['I64'] }, []],
    ['a missing tensor', { b: ['F32', 2, 2], n: ['I64'] }, ['lacks tensor "a"']],
    [
      'an extra tensor',
      { a: ['F32', 2], b: ['F32', 2, 2], n: ['I64'], c: ['F32'] },
      ['has tensor "c", which is not in the layout'],
    ],
    [
      'a shape that holds as many entries',
      { a: ['F32', 2], b: ['F32', 4], n: ['I64'] },
      ['has tensor "b" of shape [4], needs [2, 2]'],
    ],
    [
      'wrong types',
      { a: ['I32', 2], b: ['F32', 2, 2], n: ['I32'] },
      [
        'has tensor "a" of type I32, needs F32, F16, BF16 or F64',
        'has tensor "n" of type I32, needs I64',
      ],
    ],
  ])('tells %s', (_, tensors, expected) => {
    expect(compare(layout, header(tensors))).toEqual(expected);
  });

  it('tells few of very many', () => {
    const one: readonly [Dtype] = ['U8'];
    const many = Array.from({ length: 1000 }, (_, i) => [`x${i}`, one] as const);
    const told = compare(layout, header(Object.fromEntries(many)));
    expect(told).toHaveLength(9);
    expect(told.at(-1)).toBe('and 995 more');
  });

  it('is not taken in by names of the prototype', () => {
    expect(compare(layout, header({ ['constructor' as string]: ['F32', 2] }))).toContain(
      'lacks tensor "a"',
    );
  });
});

it('vectorLayout is one tensor over all columns', () => {
  expect(vectorLayout(7).tensors).toEqual([{ name: 'update', shape: [7], from: 0, to: 7 }]);
  expect(compare(vectorLayout(7), header({ update: ['F32', 7] }))).toEqual([]);
});

describe('patterns', () => {
  it.each([
    ['layer.0.bias', 'layer.0.bias', true],
    ['layer.0.bias', 'layer.*', true],
    ['layer.0.bias', '*.bias', true],
    ['layer.0.bias', 'l*0*s', true],
    ['layer.0.bias', '*', true],
    ['', '*', true],
    ['layer.0.bias', 'layer', false],
    ['layer.0.bias', '*.weight', false],
    ['layerx0', 'layer.0', false],
    ['aab', '*ab', true],
    ['ab', 'a*b*c', false],
    ['', 'a', false],
  ])('of %j: %j is %s', (name, pattern, expected) => {
    expect(matches(name, pattern)).toBe(expected);
  });

  it('mean what the regular expression means', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    fc.assert(
      fc.property(few, few, (name, pattern) => {
        const whole = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 's');
        expect(matches(name, pattern)).toBe(whole.test(name));
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  it('do not take long over names made to take long', () => {
    expect(matches('a'.repeat(100_000), '*a*a*a*a*a*a*b')).toBe(false);
  });
});
