import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
/** Masks that are floats show how large they are, and what is beneath them. */
const FLOATS =
  /\b(f16|f32|f64|vec[234]f|Float(16|32|64)Array|(get|set)Float\d+|fround|Math\.random)\b/;

/** Sources that are about masks by their name, from the root. */
function maskModules(): string[] {
  return ['src', 'shaders'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /(^|[-_])masks?([-_.]|$)/.test(basename(file)))
      .map((file) => join(folder, file)),
  );
}

/** Lines with floats in them, comments left out. */
function floatsIn(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  return code.split('\n').filter((line) => FLOATS.test(line));
}

describe('modules of masks', () => {
  const files = maskModules();

  test('know integers alone, and nothing of Math.random', () => {
    expect(files.length).toBeGreaterThan(5);
    const found = files.flatMap((file) =>
      floatsIn(readFileSync(join(root, file), 'utf8')).map((line) => `${file}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  test('would be found out', () => {
    expect(floatsIn('let a: vec4f;\n// f32\n/* f64 */ let b = x;')).toEqual(['let a: vec4f;']);
    expect(floatsIn('new Float32Array(words.buffer)')).toHaveLength(1);
    expect(floatsIn('view.getFloat64(0)')).toHaveLength(1);
    expect(floatsIn('Math.random()')).toHaveLength(1);
    expect(floatsIn('let keys: array<vec4u>; new Uint32Array(3)')).toEqual([]);
  });
});
