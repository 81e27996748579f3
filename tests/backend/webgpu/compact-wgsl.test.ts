import { describe, expect, test } from 'vitest';
import { compact } from '../../../scripts/compact-wgsl.ts';
import { shaders } from '../../../src/backend/webgpu/shaders.gen.ts';

function compacted(code: string, kept: string[] = []): string {
  return compact(new Map([['text', code]]), new Set(kept)).get('text')!;
}

describe('a compacted shader', () => {
  test('has neither comments nor spaces that part no tokens, and a line for each declaration', () => {
    const code = `
      // Of both.
      fn difference(left: i32, right: i32) -> i32 {
          if left >= 0 && !(right < 0) { return left - -right; }  // signs that meet
          return 0x1F + i32(-1.5e-3f);
      }
      const LAST: u32 = 7u;`;
    expect(compacted(code)).toBe(
      'fn aA(a:i32,b:i32)->i32{if a>=0&& !(b<0){return a- -b;}return 0x1F+i32(-1.5e-3f);}\n' +
        'const aB:u32=7u;\n',
    );
  });

  test('names anew in each function what it declares, and calls the same what others share', () => {
    const texts = new Map([
      [
        'shared',
        'struct Sum { high: f32, a: f32 }\nfn total(sum: Sum) -> f32 { return sum.high; }',
      ],
      [
        'kernel',
        'fn twice(one: f32, two: Sum) -> f32 { let both = total(two); return both + two.a; }',
      ],
    ]);
    expect([...compact(texts, new Set()).values()]).toEqual([
      'struct aA{c:f32,a:f32}\nfn aB(a:aA)->f32{return a.c;}\n',
      'fn aC(a:f32,b:aA)->f32{let c=aB(b);return c+b.a;}\n',
    ]);
  });

  test('keeps the names that programs speak of, overrides, attributes and components', () => {
    const code = `
      override WIDTH: u32 = 2;
      @group(0) @binding(0) var<storage, read_write> group: array<vec4u>;
      fn write(read: u32) -> u32 { return read; }
      @compute @workgroup_size(WIDTH)
      fn main(@builtin(workgroup_id) workgroup_id: vec3u) {
          let word = group[workgroup_id.x].yz + write(1);
          #slot rest
      }`;
    expect(compacted(code, ['main', 'word'])).toBe(
      'override WIDTH:u32=2;\n' +
        '@group(0)@binding(0)var<storage,read_write>aA:array<vec4u>;\n' +
        'fn write(read:u32)->u32{return read;}\n' +
        '@compute@workgroup_size(WIDTH)fn main(@builtin(workgroup_id)a:vec3u){' +
        'let word=aA[a.x].yz+write(1);#slot rest\n}\n',
    );
  });

  test('keeps no local name where there is no slot that could speak of it', () => {
    const code = 'fn f(word: u32) { #slot rest\n }\nfn g(word: u32) { return word; }';
    expect(compacted(code, ['word'])).toBe(
      'fn aA(word:u32){#slot rest\n}\nfn aB(a:u32){return a;}\n',
    );
  });

  test('has no short name that is kept', () => {
    expect(compacted('fn f(one: u32, two: u32) { two = a0; }', ['a', 'aA', 'a0'])).toBe(
      'fn aB(b:u32,c:u32){c=a0;}\n',
    );
  });

  test('keeps a local name together with a global one: which is meant stays as it was', () => {
    expect(compacted('fn met(key: u32) -> u32 { let met = met(key); return met; }')).toBe(
      'fn aA(a:u32)->u32{let aA=aA(a);return aA;}\n',
    );
  });

  test('refuses comments that it cannot tell from code', () => {
    expect(() => compacted('/* a */ const A = 1;')).toThrow('comments must be of one line: //');
  });
});

test('the linked shaders keep their entry points and the names in generated text', () => {
  for (const [name, code] of Object.entries(shaders)) expect(code).toContain(`fn ${name}(`);
  expect(shaders.rank_mean_stream).toMatch(/fn widened\(.*fn rank_mean_stream\(/su);
});
