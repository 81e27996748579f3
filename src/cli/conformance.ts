/**
 * `aggregis conformance INDEX.json…`: golden vectors on a chosen backend. Exits with 0 when every
 * case of a known rule passes, with 1 when one fails.
 *
 * @module
 */

import { Command, InvalidArgumentError } from 'commander';
import { createBackend } from '../backend/create-node.ts';
import type { BackendInfo } from '../backend/kernels.ts';
import {
  type CaseOutcome,
  type ConformanceReport,
  runConformance,
} from '../lab/conformance/conformance.ts';
import { openGoldenFile } from '../lab/conformance/golden-files.ts';
import { type BackendFlags, backendOption, backendOptionsOf, threadsOption } from './arguments.ts';
import { EXIT_CODES, UsageError } from './failure.ts';

/** The options as commander gives them. */
interface Flags extends BackendFlags {
  readonly only?: readonly string[];
  readonly json?: true;
}

const DETAILS = `
An INDEX is an index.json of cases; inputs and packs of numbers lie beside it. Rules are called
directly, unscreened, through presets that carry the constraint of the library that a case is from.
Cases of rules that this version does not have are counted, and do not fail.
`;

/** The command. */
export function conformanceCommand(): Command {
  return new Command('conformance')
    .summary('run golden vectors against rules, stages and attacks')
    .description('Runs golden vectors against the rules, stages and attacks of this version.')
    .argument('<index...>', 'index.json files')
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('--only <prefixes>', 'only rules that start so, e.g. krum,multi_', parsePrefixes)
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES)
    .action(run);
}

function parsePrefixes(text: string): string[] {
  const prefixes = text.split(',').map((prefix) => prefix.trim());
  if (prefixes.every((prefix) => prefix !== '')) return prefixes;
  throw new InvalidArgumentError(`It must be prefixes with commas between them, got "${text}".`);
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  const { only, json } = flags;
  const goldens = await Promise.all(files.map(openGoldenFile));
  await using backend = await createBackend(flags.backend, backendOptionsOf(flags));
  const onProgress = progressOn(process.stderr);
  const report = await runConformance(goldens, backend, { only, onProgress });
  if (report.cases.length === 0 && report.unknown.size === 0) {
    const which = only === undefined ? '' : ` of a rule that starts with ${only.join(' or ')}`;
    throw new UsageError(`there is no case${which}`);
  }
  const text = json ? jsonOf(report, backend.info) : tableOf(report, backend.info);
  process.stdout.write(`${text}\n`);
  if (report.failed > 0) process.exitCode = 1;
}

/** Rewrites one line of a terminal; silent where the stream is none. */
function progressOn(
  stream: NodeJS.WriteStream,
): ((done: number, total: number) => void) | undefined {
  if (!stream.isTTY) return undefined;
  return (done, total) => {
    if (done === total) stream.write('\r\u001b[K');
    else if (done % 16 === 0) stream.write(`\r${done} of ${total} cases`);
  };
}

/** `worst` is null where it is not finite: JSON has no such number. */
function jsonOf(report: ConformanceReport, { name, adapter }: BackendInfo): string {
  const { passed, failed, cases } = report;
  const unknown = countUnknown(report);
  return JSON.stringify({ passed, failed, unknown, backend: name, adapter, cases });
}

function countUnknown({ unknown }: ConformanceReport): number {
  return [...unknown.values()].reduce((sum, count) => sum + count, 0);
}

function tableOf(report: ConformanceReport, { name, adapter }: BackendInfo): string {
  const lines = groupsOf(report.cases).map((outcomes) => {
    const passed = outcomes.filter(({ ok }) => ok).length;
    const { rule, class: kind } = outcomes[0]!;
    return [rule, kind, `${passed}/${outcomes.length}`, worstOf(outcomes)];
  });
  const failures = report.cases.filter(({ ok }) => !ok).map(describeFailure);
  const unknown = [...report.unknown].map(([rule, count]) => `${rule} ${count}`).join(', ');
  return [
    ...aligned([['rule', 'class', 'passed', 'worst error / tolerance'], ...lines]),
    ...(failures.length > 0 ? ['', 'failed:', ...failures] : []),
    '',
    `${report.passed} passed, ${report.failed} failed on ${name} (${adapter})`,
    ...(unknown === '' ? [] : [`${countUnknown(report)} of unknown rules: ${unknown}`]),
  ].join('\n');
}

/** Cases of one rule and class together; rules in the order in which they first appear. */
function groupsOf(cases: readonly CaseOutcome[]): CaseOutcome[][] {
  const rules = new Map<string, Map<string, CaseOutcome[]>>();
  for (const outcome of cases) {
    const classes = rules.get(outcome.rule) ?? new Map<string, CaseOutcome[]>();
    rules.set(outcome.rule, classes);
    classes.set(outcome.class, [...(classes.get(outcome.class) ?? []), outcome]);
  }
  return [...rules.values()].flatMap((classes) => [...classes.values()]);
}

function worstOf(outcomes: readonly CaseOutcome[]): string {
  if (outcomes.some(({ worst }) => worst === null)) return 'no result';
  return Math.max(...outcomes.map(({ worst }) => worst!)).toPrecision(2);
}

function describeFailure({ id, worst, reason }: CaseOutcome): string {
  return `  ${id}: ${reason ?? `error is ${worst?.toPrecision(3)} times the tolerance`}`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
}
