/**
 * Whether sums of masked updates are what their clients consented to, were charged before, and make the
 * models that were published.
 *
 * @module
 */

import type { Backend } from '../../backend/kernels.ts';
import { counted } from '../../core/counted.ts';
import { BackendError } from '../../core/errors.ts';
import { readReport } from '../report-file.ts';
import { verifySecureRounds } from '../verify-secure.ts';
import { Mismatch } from './check.ts';
import type { MaskedRun, ToldRound } from './masked-rounds.ts';
import type { Remaking } from './models.ts';

/** @throws {Mismatch} at the first round that was published and does not bear it out. */
export async function checkMasks({ run, config, crypto, backendOf }: Remaking): Promise<string> {
  if (config.secure === undefined) return 'updates were not masked in this run';
  const own = (await run.config()) as MaskedRun['config'];
  const masked = { run: run.run, config: own, blobs: run.blobs, events: () => run.events() };
  const servers = new Set<string>();
  let [rounds, sums, inputs, foreign] = [0, 0, 0, 0];
  const backend = async ({ report }: ToldRound): Promise<Backend | undefined> => {
    const made = report === undefined ? undefined : await readReport(run.blobs, report);
    return backendOf(made?.backend).catch((error: unknown) => {
      if (error instanceof BackendError) return undefined;
      throw error;
    });
  };
  for await (const verdict of verifySecureRounds(masked, { crypto, backendOf: backend })) {
    const { event, problems, server } = verdict;
    if (problems.length > 0) {
      throw new Mismatch({ seq: event, type: 'round.published' }, problems.join('; '));
    }
    rounds++;
    sums += verdict.sums;
    inputs += verdict.inputs;
    if (!verdict.isRemade) foreign++;
    servers.add(server);
  }
  const parts = [
    `${counted(rounds, 'round')}, ${counted(sums, 'sum')} of ${counted(inputs, 'input')} that clients consented to`,
    ...[...servers].map((key) => `server key ${key}`),
  ];
  if (foreign > 0) parts.push(`${foreign} not made again, for want of their backend`);
  return parts.join('; ');
}
