/**
 * Detectors under the SPEC that names them in a configuration: `all`, or names joined by `+`.
 *
 * @module
 */

import { badSpec, entryFor, parseSpec } from '../../core/spec.ts';
import type { Detector } from '../detector.ts';
import { detectors } from './list.ts';

/** What a SPEC asks for. */
export interface ChosenDetectors {
  /** In the order of the list. */
  readonly detectors: readonly Detector[];
  /** Whether the article's scores are wanted beside them, which decide nothing. */
  readonly article: boolean;
}

/** Every detector; with `article`, its scores as well. */
const PRESETS = ['all', 'article'] as const;

/**
 * The detectors that a SPEC names, such as `all`, `neighbours+norm` or `article`. Those of `without` lack
 * what they look at where the SPEC is for, and cannot be named.
 *
 * @throws {AggregationError} `bad-spec` for an unknown name, a name that is there twice, or one of `without`.
 */
export function parseDetectors(
  spec: string,
  { without = [] }: { readonly without?: readonly string[] } = {},
): ChosenDetectors {
  const parts = parseSpec(spec);
  const there = detectors.filter(({ name }) => !without.includes(name));
  const preset = PRESETS.find((name) => name === parts[0]!.name);
  for (const { name, options } of parts) {
    if (options.size > 0) throw badSpec(`${name} has no options as a detector`);
  }
  if (preset !== undefined) {
    if (parts.length > 1) throw badSpec(`${preset} stands alone, got ${JSON.stringify(spec)}`);
    return { detectors: there, article: preset === 'article' };
  }
  const entries = [...there, ...PRESETS.map((name) => ({ name }))];
  const names = parts.map((part) => entryFor(part, { kind: 'detector', entries }).name);
  const stray = PRESETS.find((name) => names.includes(name));
  if (stray !== undefined) throw badSpec(`${stray} stands alone, got ${JSON.stringify(spec)}`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw badSpec(`${twice} is named twice in ${JSON.stringify(spec)}`);
  return { detectors: there.filter(({ name }) => names.includes(name)), article: false };
}
