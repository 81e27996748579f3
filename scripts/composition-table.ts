/**
 * Writes what goes together into docs/THREAT-MODEL.md, out of the table that configurations are checked
 * against.
 *
 *     npx tsx scripts/composition-table.ts [--check]
 *
 * With `--check` nothing is written, and the exit code is 1 if the page is not up to date.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compositionTable } from '../src/federation/composition.ts';

const PAGE = join(import.meta.dirname, '../docs/THREAT-MODEL.md');
const BEGIN = '<!-- composition: written by scripts/composition-table.ts -->';
const END = '<!-- /composition -->';

const page = readFileSync(PAGE, 'utf8');
const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`docs/THREAT-MODEL.md must hold ${BEGIN} and ${END}`);
const updated = `${page.slice(0, from)}${BEGIN}\n${compositionTable()}\n${page.slice(to)}`;
if (!process.argv.includes('--check')) writeFileSync(PAGE, updated);
else if (updated !== page) {
  console.error(
    'docs/THREAT-MODEL.md is not up to date; run: npx tsx scripts/composition-table.ts',
  );
  process.exitCode = 1;
}
