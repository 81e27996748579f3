/**
 * SPECs of rules: pipelines written as text, as the command line takes them. The grammar is that of
 * `core/spec.ts`: `clip-norm:max=1+nnm:f=2+trimmed-mean:f=2`.
 *
 * @module
 */

import { badSpec, entryFor, makeFor, parseSpec, readOptions, type SpecPart } from '../core/spec.ts';
import type { Entry } from './entry.ts';
import { rules } from './list.ts';
import { pipeline } from './pipeline.ts';
import type { Rule, Stage } from './rule.ts';

/**
 * The rule that a SPEC describes.
 *
 * @param entries - The rules and stages that it may name. Default: those of the main entry.
 * @throws {AggregationError} `bad-spec`: names what is wrong, and what there is to choose from.
 */
export function parseRule(spec: string, entries: readonly Entry[] = rules): Rule {
  const parts = parseSpec(spec).map((part) => make(part, entries));
  const last = parts.pop()!;
  if (last.kind === 'stage') {
    throw badSpec(`${last.name} is a stage: a rule must follow it, as in ${last.name}…+mean`);
  }
  const stages = parts.map((part) => {
    if (part.kind === 'stage') return part.value;
    throw badSpec(`${part.name} ends a pipeline: nothing can follow it`);
  });
  return stages.length === 0 ? last.value : pipeline(...stages, last.value);
}

type Made =
  | { readonly kind: 'rule'; readonly name: string; readonly value: Rule }
  | { readonly kind: 'stage'; readonly name: string; readonly value: Stage };

function make(part: SpecPart, entries: readonly Entry[]): Made {
  const { name } = part;
  const entry = entryFor(part, { kind: 'rule', entries });
  const options = readOptions(part, entry.parameters);
  return entry.kind === 'rule'
    ? { kind: 'rule', name, value: makeFor(part, () => entry.make(options)) }
    : { kind: 'stage', name, value: makeFor(part, () => entry.make(options)) };
}
