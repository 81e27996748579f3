/** The page of a run: what clients say of themselves is text, and the public sees what may be seen. */

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/federation/config.ts';
import { historyOf, type RunHistory } from '../../src/federation/run-history.ts';
import { readRun } from '../../src/federation/store/run-reader.ts';
import { runPage } from '../../src/lab/run-report/page.ts';
import { type Audience, type RunSummary, summaryOf } from '../../src/lab/run-report/summary.ts';
import { configOf, ServedRun, temporaryFolder } from '../support/federation-server.ts';
import { play, privateConfig } from '../support/told-run.ts';

const HOSTILE = '</text><script>alert(1)</script>\'"&';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let plain: RunHistory;
let central: RunHistory;

beforeAll(async () => {
  folder = await temporaryFolder();
  const told = async (name: string, config: Parameters<typeof ServedRun.start>[0]['config']) => {
    const path = join(folder.path, name);
    await using run = await ServedRun.start({ folder: path, ...(config && { config }) });
    await play(run, { attributes: { name: HOSTILE, [HOSTILE]: 'x' } });
    await run.coordinator.penalise(
      [...run.coordinator.state.clients.keys()][0]!,
      'conduct',
      HOSTILE,
    );
    await using reader = await readRun(path);
    const { config: checked } = parseConfig(await reader.config());
    return historyOf(reader, checked, { figures: true });
  };
  plain = await told('plain', configOf({ reputation: {} }));
  central = await told('central', privateConfig());
}, 60_000);

afterAll(async () => {
  await folder?.[Symbol.asyncDispose]();
});

async function page(
  history: RunHistory,
  audience: Audience,
): Promise<{ html: string; summary: RunSummary }> {
  const evaluate = async () => ({ accuracy: 0.5, loss: 1 });
  const summary = await summaryOf(history, { audience, evaluate });
  return { html: runPage(history, summary), summary };
}

test('the operator sees clients, distances, trust and times', async () => {
  const { html, summary } = await page(plain, 'operator');
  for (const title of [
    'Accuracy',
    'Distances',
    'Trust',
    'Clients',
    'Who took part',
    'Time of each',
  ]) {
    expect(html).toContain(`<h2>${title}`);
  }
  expect(html).toContain(plain.clients[0]!.client.slice(0, 10));
  expect(html).toContain('confidential');
  expect(summary.rounds).toMatchObject([
    { round: 1, outcome: 'published', accuracy: 0.5, clients: { selected: 2, counted: 2 } },
    { round: 2, outcome: 'published' },
  ]);
  // Norms of (0.1, −0.2, 0.3) and (0.2, −0.2, 0.3); the lower one is in the middle of two.
  expect(summary.rounds[0]!.medianNorm).toBeCloseTo(Math.sqrt(0.14), 6);
});

test('what clients say of themselves is text, and the page loads and runs nothing', async () => {
  for (const history of [plain, central]) {
    const { html } = await page(history, 'operator');
    expect(html).toContain('&#60;script&#62;');
    expect(html).not.toMatch(/<script|<img|<link|<iframe|javascript:|https?:/i);
    expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
    // Tags are closed in their order.
    const open: string[] = [];
    for (const [, slash, name, end] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
      if (end === '/' || name === 'meta') continue;
      if (slash === '/') expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  }
});

test('the public sees no client; of private updates it sees what was released, and nothing else', async () => {
  const open = await page(plain, 'public');
  const shut = await page(central, 'public');
  for (const { html, summary } of [open, shut]) {
    for (const { client } of plain.clients.concat(central.clients)) {
      expect(html).not.toContain(client.slice(0, 10));
    }
    expect(html).not.toMatch(/script|conduct|Distances|Trust/);
    expect(JSON.stringify(summary)).not.toContain('reason');
  }
  expect(open.summary.rounds[0]!.clients).toBeDefined();
  const allowed = ['round', 'outcome', 'model', 'epsilon', 'accuracy', 'loss'];
  for (const round of shut.summary.rounds) {
    expect(Object.keys(round).filter((key) => !allowed.includes(key))).toEqual([]);
  }
  expect(shut.html).toMatch(/ε over rounds/);
  expect(shut.html).not.toMatch(/Time of|Who took part|\d+ events/);
});
