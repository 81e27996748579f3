/**
 * Writes the table of rules into README.md, out of the list of rules itself and the comments of its
 * lines.
 *
 *     npx tsx scripts/rule-table.ts [--check]
 *
 * With `--check` nothing is written, and the exit code is 1 if README.md is not up to date.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { analysisRules } from '../src/rules/analysis-list.ts';
import type { Entry } from '../src/rules/entry.ts';
import { rules } from '../src/rules/list.ts';

const README = join(import.meta.dirname, '../README.md');
const RULES = join(import.meta.dirname, '../src/rules');
const BEGIN = '<!-- rules: written by scripts/rule-table.ts -->';
const END = '<!-- /rules -->';

/** A rule with its options, as a SPEC takes them; those in brackets may be left out. */
function specOf({ name, parameters }: Entry): string {
  const options = Object.entries(parameters).map(([key, { required }]) =>
    required ? key : `[${key}]`,
  );
  return options.length === 0 ? `\`${name}\`` : `\`${name}:${options.join(',')}\``;
}

/** The file of a rule or stage, which is named as it is. */
function textOf({ name }: Entry): string {
  const path = ['', 'pre'].map((folder) => join(RULES, folder, `${name}.ts`)).find(existsSync);
  if (path === undefined) throw new Error(`no file of src/rules is named ${name}.ts`);
  return readFileSync(path, 'utf8');
}

/** What the comment of an entry says after a label: `- Cost: n·d`. */
function noted(entry: Entry, label: string): string {
  const comments = textOf(entry).matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const \w+Entry\b/g,
  );
  const notes = [...comments].flatMap(([, comment]) => [
    ...comment!.matchAll(new RegExp(`^ \\* - ${label}: (.+)$`, 'gm')),
  ]);
  if (notes.length !== 1) {
    throw new Error(`${entry.name} must have one line "- ${label}: …" above its entry`);
  }
  return notes[0]![1]!;
}

function rowOf(entry: Entry): string {
  const notes = ['Guarantee', 'Cost', 'Paper'].map((label) => noted(entry, label));
  const cells = [specOf(entry), ...notes];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function tableOf(what: string, entries: readonly Entry[]): string {
  const rows = entries.map(rowOf);
  const head = [`| ${what} | guarantee | cost | paper |`, '|---|---|---|---|'];
  return [...head, ...rows].join('\n');
}

const readme = readFileSync(README, 'utf8');
const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
if (from < 0 || to < from) throw new Error(`README.md must hold ${BEGIN} and ${END}`);
const tables = [
  tableOf(
    'rule',
    rules.filter(({ kind }) => kind === 'rule'),
  ),
  tableOf('rule of `aggregis/analysis`', analysisRules),
  tableOf(
    'stage before a rule',
    rules.filter(({ kind }) => kind === 'stage'),
  ),
];
const section = `${BEGIN}\n${tables.join('\n\n')}\n`;
const updated = readme.slice(0, from) + section + readme.slice(to);
if (!process.argv.includes('--check')) writeFileSync(README, updated);
else if (updated !== readme) {
  console.error('README.md is not up to date; run: npx tsx scripts/rule-table.ts');
  process.exitCode = 1;
}
