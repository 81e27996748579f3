/**
 * `aggregis aggregate`: model files in, one model file out.
 *
 * @module
 */

import { Command, Option } from 'commander';
import { type AggregateReport, aggregateWith, type ClientReport } from '../aggregate.ts';
import { type AggregateFilesOptions, aggregateFilesWith } from '../aggregate-files.ts';
import type { CreateBackend } from '../backend/create.ts';
import { createBackend } from '../backend/create-node.ts';
import { show } from '../core/assert.ts';
import { matches, type TensorPolicies } from '../formats/layout.ts';
import { replacedBy, writeFileAtomic } from '../formats/node-files.ts';
import { quote } from '../formats/quote.ts';
import { peakBytes } from '../lab/bench/machine.ts';
import { allRules } from '../rules/full-list.ts';
import type { Rule } from '../rules/rule.ts';
import { parseRule } from '../rules/spec.ts';
import {
  addPolicy,
  type BackendFlags,
  backendOption,
  backendOptionsOf,
  type PatternPolicy,
  parseBytes,
  parseCount,
  parsePositive,
  threadsOption,
} from './arguments.ts';
import { EXIT_CODES, UsageError } from './failure.ts';
import { interruptible } from './interruptible.ts';
import { progressBar } from './progress.ts';

/** The options as commander gives them. */
interface Flags extends BackendFlags {
  readonly rule: string;
  readonly output: string;
  readonly base?: string;
  readonly reference?: string;
  readonly weights: 'uniform' | 'examples';
  readonly exampleCap?: number;
  readonly maxNorm?: number;
  readonly tensors?: readonly PatternPolicy[];
  readonly memory?: number;
  readonly report?: string;
  readonly json?: true;
}

const DETAILS = `
FILES are safetensors or npy. A client is named by its file (below the folder that all share). An npy
array that is the only file may have several rows, each of them a client's; beside others it needs one.
A file that is malformed, has other tensors than the base or most files, another length, or an entry
that is not finite is excluded and reported, and the round goes on as long as the rule's condition
holds for the rest.

With --base, files are full models: what is aggregated are their differences to it, and the result is
the base plus the aggregate. Without, files are differences already.

Floating-point tensors are aggregated. Integer and boolean tensors, and those that only the base
has, are copied from the base; --tensors changes that, the first pattern that fits decides. Without
a base, the copy is taken that more than half of the files hold.

With --weights examples, a client counts as much as the examples it states under "num_examples" (or
"examples") in the metadata of its safetensors file. That is a claim: cap it with --example-cap.

Rules: ${allRules.map(({ name }) => name).join(', ')}.
Examples of SPEC: trimmed-mean:f=2   multi-krum:f=3,m=5   nnm:f=2+trimmed-mean:f=2
`;

/** The command. */
export function aggregateCommand(): Command {
  return new Command('aggregate')
    .summary('aggregate model files into one, screened and by a robust rule')
    .description('Aggregates model files into one, screened and by a robust rule.')
    .argument('<files...>', 'one file for each client')
    .requiredOption('--rule <spec>', 'how to aggregate, e.g. trimmed-mean:f=2')
    .requiredOption('-o, --output <file>', 'the result: .safetensors or .npy')
    .option('--base <file>', 'the model that the files are full models of')
    .option('--reference <file>', 'a trusted model or update, for rules that need one')
    .addOption(
      new Option('--weights <kind>', 'what clients count for')
        .choices(['uniform', 'examples'])
        .default('uniform'),
    )
    .option('--example-cap <count>', 'take larger counts as this', parseCount)
    .option('--max-norm <norm>', 'exclude updates of a larger norm', parsePositive)
    .option('--tensors <pattern=policy>', 'aggregate, copy-from-base, mean or exclude', addPolicy)
    .option('--memory <size>', 'what tiles may take at once (default: 1GiB)', parseBytes)
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('--report <file>', 'write the evidence on each client as JSON')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', DETAILS + EXIT_CODES)
    .action(run);
}

async function run(files: readonly string[], flags: Flags): Promise<void> {
  const rule = parseRule(weighed(flags), allRules);
  await checkReport(files, flags);
  const report = await interruptible((signal) =>
    flags.report === undefined
      ? aggregated(files, { flags, rule, signal })
      : reported(flags.report, () => aggregated(files, { flags, rule, signal })),
  );
  const text = flags.json ? `${JSON.stringify(outcomeOf(report))}\n` : summaryOf(report, flags);
  process.stdout.write(text);
}

async function aggregated(
  files: readonly string[],
  { flags, rule, signal }: { flags: Flags; rule: Rule; signal: AbortSignal },
): Promise<AggregateReport> {
  const bar = progressBar(process.stderr);
  try {
    const make: CreateBackend = (choice, options) =>
      createBackend(choice, { ...options, ...backendOptionsOf(flags) });
    const aggregateFiles = aggregateFilesWith(aggregateWith(make));
    return await aggregateFiles(files, rule, { ...optionsOf(flags), signal, onProgress: bar.show });
  } finally {
    bar.clear();
  }
}

function optionsOf(flags: Flags): AggregateFilesOptions {
  const { rule: _, report: __, json: ___, threads: ____, tensors, ...options } = flags;
  return { ...options, ...(tensors && { policies: policiesOf(tensors) }) };
}

function policiesOf(tensors: readonly PatternPolicy[]): TensorPolicies {
  return ({ name }) => tensors.find(({ pattern }) => matches(name, pattern))?.policy;
}

/**
 * The SPEC, in the weighted form that `--weights examples` asks for. A rule that would ignore the
 * counts in silence is refused.
 */
function weighed({ rule, weights }: Flags): string {
  if (weights === 'uniform') return rule;
  const start = rule.search(/[^+]*$/);
  const last = rule.slice(start);
  const name = last.split(':', 1)[0]!;
  if (last === 'mean') return `${rule.slice(0, start)}weighted-mean`;
  if (name === 'weighted-mean' || last.includes('weighting=')) return rule;
  const entry = allRules.find((candidate) => candidate.name === name);
  if (entry && !('weighting' in entry.parameters)) {
    throw new UsageError(
      `--weights examples goes with mean, weighted-mean and rules with the option weighting; ` +
        `${name} counts every client the same`,
    );
  }
  return `${rule}${last.includes(':') ? ',' : ':'}weighting=examples`;
}

async function checkReport(files: readonly string[], flags: Flags): Promise<void> {
  const { report, output, base, reference } = flags;
  if (report === undefined) return;
  const taken = [output, ...files, base, reference].filter((path) => path !== undefined);
  if ((await replacedBy(report, taken)) === undefined) return;
  throw new UsageError(
    `--report must have a file of its own, got ${show(report)}, which is in use`,
  );
}

/** Writes the report around the work, so that a bad path is found before the work is done. */
async function reported(
  path: string,
  work: () => Promise<AggregateReport>,
): Promise<AggregateReport> {
  let report: AggregateReport | undefined;
  await writeFileAtomic(path, async (append) => {
    report = await work();
    await append(new TextEncoder().encode(`${JSON.stringify(evidenceOf(report), null, 2)}\n`));
  });
  return report!;
}

/** The stable shape of `--json`. */
function outcomeOf(report: AggregateReport): object {
  const { rule, backend, kernels, rows, cols, clients, seconds } = report;
  return {
    rule,
    backend: backend.name,
    adapter: backend.adapter,
    kernels,
    rows,
    cols,
    clients: clients.map(({ client, verdict, weight, reasons }) => {
      return { name: client, verdict, weight: weight ?? null, reasons };
    }),
    seconds,
    peakBytes: peakBytes(),
  };
}

/** Everything that is known of each client. Numbers that JSON lacks become null. */
function evidenceOf(report: AggregateReport): object {
  return {
    ...report,
    clients: report.clients.map(({ fingerprint, ...client }) => ({
      ...client,
      ...(fingerprint !== undefined && { fingerprint: fingerprint.toString(16).padStart(16, '0') }),
    })),
  };
}

function summaryOf(report: AggregateReport, { output }: Flags): string {
  const { rule, backend, rows, cols, clients, seconds } = report;
  const lines = [
    `${rule} over ${rows} of ${clients.length} updates of ${cols} entries -> ${output}`,
    `${backend.name} (${backend.adapter}), ${seconds.toFixed(2)} s`,
    ...clients.filter(({ verdict }) => verdict !== 'accepted').map(lineOf),
  ];
  return `${lines.join('\n')}\n`;
}

function lineOf({ client, verdict, reasons }: ClientReport): string {
  return `  ${verdict.padEnd(8)}  ${quote(client)}  ${reasons.join('; ')}`;
}
