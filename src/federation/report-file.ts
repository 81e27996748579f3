/**
 * Reports of rounds, as they lie among the blobs: evidence about single clients, for the operator.
 *
 * They are read leniently: what a later version has written is left out, and what is no report is none.
 *
 * @module
 */

import { z } from 'zod';
import type { BackendName } from '../backend/kernels.ts';
import type { Blobs } from './store/blobs.ts';

/** What a report tells of a client; what it does not tell is missing. */
export interface ClientFigures {
  readonly client: string;
  /** ‖update‖₂. */
  readonly norm?: number;
  /** Of the rule or of detectors, in their own units. */
  readonly score?: number;
  /** How far out each detector saw it, in units of its threshold: above 1 it fired. */
  readonly deviations: Readonly<Record<string, number>>;
  /** Share in the aggregate. */
  readonly weight?: number;
  readonly excluded: boolean;
  readonly reasons: readonly string[];
}

/** A report. */
export interface RoundReport {
  readonly backend?: BackendName;
  /** What is suspicious, of the score. */
  readonly threshold?: number;
  readonly clients: readonly ClientFigures[];
}

/** Longest report that is read. */
const MOST_BYTES = 256 * 2 ** 20;

const finding = z.looseObject({
  detector: z.string(),
  deviation: z.number(),
  threshold: z.number(),
});

// JSON has no infinity: a norm without end is null.
const figure = z.number().nullish().catch(undefined);

const client = z.looseObject({
  client: z.string(),
  verdict: z.string().optional().catch(undefined),
  reasons: z.array(z.string()).catch([]),
  reason: z.string().optional().catch(undefined),
  norm: figure,
  score: figure,
  weight: figure,
  findings: z.array(finding).catch([]),
});

const report = z.looseObject({
  backend: z
    .looseObject({ name: z.enum(['reference', 'wasm', 'webgpu']) })
    .optional()
    .catch(undefined),
  threshold: figure,
  clients: z.array(client).catch([]),
});

/** The report in a blob, or `undefined` if it is none. @throws {StoreError} `damaged` if it is not there. */
export async function readReport(
  blobs: Pick<Blobs, 'open'>,
  name: string,
): Promise<RoundReport | undefined> {
  await using source = await blobs.open(name);
  if (source.size > MOST_BYTES) return undefined;
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const result = report.safeParse(jsonIn(text));
  if (!result.success) return undefined;
  const { backend, threshold, clients } = result.data;
  return {
    ...(backend && { backend: backend.name }),
    ...(typeof threshold === 'number' && { threshold }),
    clients: clients.map(figuresOf),
  };
}

function figuresOf(found: z.infer<typeof client>): ClientFigures {
  const { verdict, reasons, reason, norm, score, weight, findings } = found;
  return {
    client: found.client,
    ...(typeof norm === 'number' && { norm }),
    ...(typeof score === 'number' && { score }),
    ...(typeof weight === 'number' && { weight }),
    deviations: Object.fromEntries(
      findings.map(({ detector, deviation, threshold }) => [detector, deviation / threshold]),
    ),
    excluded: verdict === 'excluded',
    reasons: reason === undefined ? reasons : [...reasons, reason],
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
