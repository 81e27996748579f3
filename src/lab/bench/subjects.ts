/**
 * Which rules are timed: those asked for by SPEC, or every rule of the list with options that suit
 * the number of clients.
 *
 * @module
 */

import type { Backend, Matrix } from '../../backend/kernels.ts';
import type { Options } from '../../core/parameter.ts';
import { allRules } from '../../rules/full-list.ts';
import type { Round } from '../../rules/rule.ts';
import { parseRule } from '../../rules/spec.ts';
import type { Settings, Subject } from './bench.ts';

/** Attackers that are reckoned with: a fifth, and no more than Bulyan can stand, n ≥ 4f + 3. */
export function attackersAmong(n: number): number {
  return Math.max(0, Math.min(Math.floor(n / 5), Math.floor((n - 3) / 4)));
}

/** The rules of the settings; by default every rule of the list. */
export function subjectsFor({ rules: specs }: Pick<Settings, 'rules'>, n: number): Subject[] {
  if (specs !== undefined) return specs.map(subject);
  const f = attackersAmong(n);
  return allRules.flatMap((entry) => {
    if (entry.kind !== 'rule') return [];
    const options = entry.sample({ n, f });
    // A bare row is named by its place, padded with zeros.
    const first = '0'.repeat(String(n - 1).length);
    const named = 'trusted' in options && { named: entry.make({ ...options, trusted: first }) };
    return [{ spec: specOf(entry.name, options), rule: entry.make(options), ...named }];
  });
}

/** The rule of a SPEC. */
export function subject(spec: string): Subject {
  return { spec, rule: parseRule(spec, allRules) };
}

function specOf(name: string, options: Options): string {
  const texts = Object.entries(options).map(([key, value]) => `${key}=${shortOf(value)}`);
  return texts.length === 0 ? name : `${name}:${texts.join(',')}`;
}

function shortOf(value: unknown): string {
  return Array.isArray(value) && value.length > 4 ? `[${value.length} numbers]` : String(value);
}

/** What rules are told of a round of `n` clients: counts that differ. */
export function roundOf(n: number): Round {
  return { exampleCounts: Array.from({ length: n }, (_, i) => 100 + ((i * 37) % 400)) };
}

/**
 * The same rows as a new expression. Pairs and screens are remembered for each expression: whoever
 * times the same one twice times a look into a table.
 */
export function anew(backend: Backend, x: Matrix): Matrix {
  return backend.select(
    x,
    Array.from({ length: x.rows }, (_, i) => i),
  );
}

/** Applies the rule to resident rows, and brings its result home, into an array that is there. */
export async function applied(
  { rule }: Subject,
  { backend, x, into }: { backend: Backend; x: Matrix; into: Float32Array },
): Promise<{ kernels: readonly string[] }> {
  const { value } = await rule.apply(anew(backend, x), backend, roundOf(x.rows));
  await backend.read(value, into);
  return { kernels: backend.explain(value) };
}
