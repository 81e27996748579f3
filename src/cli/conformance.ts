/**
 * `aggregis conformance INDEX.json…`: golden vectors on a chosen backend.
 *
 * Exit codes: 0 when every case of a known rule passes, 1 when one fails, 2 when there is nothing to
 * run: bad usage, an index that cannot be read, a backend that is not there.
 *
 * @module
 */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { BackendChoice } from '../backend/create.ts';
import { createBackend } from '../backend/create-node.ts';
import type { BackendInfo } from '../backend/kernels.ts';
import { BackendError, FormatError } from '../core/errors.ts';
import {
  type CaseOutcome,
  type ConformanceReport,
  runConformance,
} from '../lab/conformance/conformance.ts';
import { openGoldenFile } from '../lab/conformance/golden-files.ts';

interface Options {
  readonly backend: BackendChoice;
  readonly only?: readonly string[];
  readonly json?: true;
}

const FAILED = 1;
const UNUSABLE = 2;

/** The subcommand. */
export function conformanceCommand(): Command {
  return new Command('conformance')
    .description('run golden vectors against the rules, stages and attacks of this version')
    .argument('<index...>', 'index.json files; inputs and packs lie beside them')
    .addOption(
      new Option('--backend <name>', 'where to compute')
        .choices(['auto', 'reference', 'webgpu'])
        .default('auto'),
    )
    .option(
      '--only <prefixes>',
      'only rules that start with one of these, commas between',
      prefixes,
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXIT_CODES)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : UNUSABLE))
    .action(async (files: string[], options: Options) => {
      process.exitCode = await conformance(files, options);
    });
}

const EXIT_CODES = `
Exit codes: 0 all passed, 1 a case failed, 2 bad usage, or an index or backend cannot be used.
`;

function prefixes(text: string): string[] {
  const list = text.split(',').map((prefix) => prefix.trim());
  if (list.every((prefix) => prefix !== '')) return list;
  throw new InvalidArgumentError('Give rule prefixes with commas between them.');
}

/** Runs the command; returns the exit code. */
async function conformance(files: readonly string[], options: Options): Promise<number> {
  try {
    const goldens = await Promise.all(files.map(openGoldenFile));
    await using backend = await createBackend(options.backend);
    const onProgress = progressOn(process.stderr);
    const report = await runConformance(goldens, backend, { only: options.only, onProgress });
    if (report.cases.length === 0 && report.unknown.size === 0) {
      return refuse(`no case has a rule that starts with ${options.only?.join(' or ')}`);
    }
    const text = options.json ? json(report, backend.info) : table(report, backend.info);
    process.stdout.write(`${text}\n`);
    return report.failed === 0 ? 0 : FAILED;
  } catch (error) {
    if (error instanceof FormatError || error instanceof BackendError) return refuse(error.message);
    throw error;
  }
}

function refuse(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  return UNUSABLE;
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
function json(report: ConformanceReport, { name, adapter }: BackendInfo): string {
  const { passed, failed, cases } = report;
  const unknown = countUnknown(report);
  return JSON.stringify({ passed, failed, unknown, backend: name, adapter, cases });
}

function countUnknown({ unknown }: ConformanceReport): number {
  return [...unknown.values()].reduce((sum, count) => sum + count, 0);
}

function table(report: ConformanceReport, { name, adapter }: BackendInfo): string {
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
