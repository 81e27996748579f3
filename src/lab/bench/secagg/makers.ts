/**
 * Whoever can make masks here, and how fast each is.
 *
 * @module
 */

import type { BackendName } from '../../../backend/kernels.ts';
import { type Mask, type Masks, referenceMasks } from '../../../secagg/masks.ts';
import { nativeMasks } from '../../../secagg/masks-node.ts';
import { backendMasks } from '../../../secure-masks.ts';
import { type Bench, open, places } from '../bench.ts';
import type { Spread } from '../statistics.ts';
import { measure } from '../stopwatch.ts';

/** A maker of masks. */
export interface MaskMaker {
  /** For people. */
  readonly name: string;
  readonly backend: BackendName;
  readonly threads: number;
  readonly masks: Masks;
  /** What it said was wrong, if anything. */
  problem(): string | undefined;
  close(): Promise<void>;
}

/** Noble, Node's own, and each backend that was asked for, on one thread and on all. */
export async function maskMakers(bench: Bench): Promise<MaskMaker[]> {
  const { settings } = bench;
  const here = { backend: 'reference', threads: 1, problem: () => undefined } as const;
  const makers: MaskMaker[] = [
    { ...here, name: 'noble', masks: referenceMasks(), close: async () => {} },
    { ...here, name: 'Node’s own', masks: nativeMasks(), close: async () => {} },
  ];
  const threads = [...new Set([1, ...settings.threads])];
  const backends = settings.backends.filter((name) => name !== 'reference');
  for (const place of places({ ...settings, backends, threads })) {
    const opened = await open(bench, place);
    if (typeof opened === 'string') continue;
    const { backend } = opened;
    let problem: string | undefined;
    const masks = backendMasks(backend, {
      randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
      onFault: ({ message }) => {
        problem = message;
      },
    });
    const count = place.threads ?? 1;
    makers.push({
      name: place.threads === undefined ? place.name : `${place.name} ×${count}`,
      backend: place.name,
      threads: count,
      masks,
      problem: () => problem,
      close: () => backend.close(),
    });
  }
  return makers;
}

/** Masks of a sample. */
export const SAMPLE_KEYS = 64;

/** What a maker takes for {@link SAMPLE_KEYS} masks of so many words. */
export async function timeMasks(
  { masks }: MaskMaker,
  { settings, cols }: Pick<Bench, 'settings'> & { readonly cols: number },
): Promise<Spread> {
  const words = new Uint32Array(cols);
  const given: Mask[] = Array.from({ length: SAMPLE_KEYS }, (_, k) => ({
    // Of no secrecy.
    key: Uint8Array.from({ length: 32 }, (__, i) => settings.seed + 7 * k + i + 1),
    sign: k % 2 === 0 ? 1 : -1,
  }));
  const { rounds, signal } = settings.repeats;
  const repeats = { rounds, seconds: 1, signal };
  return measure(() => masks.add(words, given), repeats);
}
