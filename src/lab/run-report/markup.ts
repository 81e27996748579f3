/**
 * Pieces of the page: text of others is made safe here.
 *
 * @module
 */

import { visible } from '../../formats/quote.ts';
import { escapeText } from '../charts.ts';

/** Text of others, safe and in sight. */
export function safe(text: string): string {
  return escapeText(visible(text));
}

/** A part of the page. `body` is markup. */
export function section(title: string, text: string, body: string): string {
  const line = text === '' ? '' : `\n<p class="faint">${escapeText(text)}</p>`;
  return `<h2>${escapeText(title)}</h2>${line}\n<div class="scroll">${body}</div>`;
}

/** A table; titles that begin with # are of numbers. */
export function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const kinds = titles.map((title) => (title.startsWith('#') ? ' class="number"' : ''));
  const head = titles.map(
    (title, i) => `<th${kinds[i]}>${escapeText(title.replace('#', ''))}</th>`,
  );
  const body = rows.map(
    (row) => `<tr>${row.map((cell, i) => `<td${kinds[i]}>${safe(cell)}</td>`).join('')}</tr>`,
  );
  return `<table><tr>${head.join('')}</tr>\n${body.join('\n')}</table>`;
}
