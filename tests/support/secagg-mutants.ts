/**
 * Copies of `src/secagg` with a fault planted in each: what a search for leaks must find before its
 * silence about the real code counts. The faults are edits of the text; where the text has changed so
 * that an edit does not apply any more, making the copy fails.
 *
 * @module
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Protocol } from '../../src/lab/secure/hostile-world.ts';

/** A fault: text that stands once in a file, and what stands there instead. */
export interface Fault {
  readonly name: string;
  readonly edits: readonly {
    readonly file: string;
    readonly from: string;
    readonly to: string;
  }[];
}

/** A name among {@link FAULTS}. */
export type FaultName =
  | 'no signatures are needed'
  | 'threshold one lower'
  | 'both lists answered'
  | 'boxes not compared'
  | 'keys of another round'
  | 'a second view is signed';

/** Five that every search must find, and one more. */
export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  'no signatures are needed': {
    name: 'R4 is answered without signatures on the view',
    edits: [
      {
        file: 'client.ts',
        from: "if (count < threshold) throw new Refused('consents', count, threshold);",
        to: '',
      },
    ],
  },
  'threshold one lower': {
    name: 't − 1: 2t ≤ k + c',
    edits: [
      {
        file: 'parameters.ts',
        from: "adversary === 'malicious' ? Math.floor((k + c) / 2) + 1 : c + 1",
        to: "adversary === 'malicious' ? Math.floor((k + c) / 2) : c + 1",
      },
    ],
  },
  'both lists answered': {
    name: 'of one that dropped out, both shares are revealed',
    edits: [
      {
        file: 'client.ts',
        from: 'const shares = [...held].map(([index, both]) => ({\n      index,',
        to: `const shares = [...held].flatMap(([index, both]) => [
      ...(survivors.has(index) ? [] : [{ index, share: both.subarray(KEY_BYTES) }]),
      {
      index,`,
      },
      {
        file: 'client.ts',
        from: 'both.subarray(KEY_BYTES) : both.subarray(0, KEY_BYTES),\n    }));',
        to: 'both.subarray(KEY_BYTES) : both.subarray(0, KEY_BYTES),\n    }]);',
      },
    ],
  },
  'boxes not compared': {
    name: 'the view is not held against the boxes that came',
    edits: [
      {
        file: 'client.ts',
        from: "if (shared.length !== held.size || shared.some((v) => !held.has(v))) throw new Refused('view');",
        to: '',
      },
    ],
  },
  'keys of another round': {
    name: 'advertisements are not bound to the context',
    edits: [
      {
        file: 'messages.ts',
        from: "const header = encodeHeader({ type: 'advertise', context, sender: NOBODY }, ENTRY_BYTES);",
        to: "void context;\n  const header = encodeHeader({ type: 'advertise', context: new Uint8Array(32), sender: NOBODY }, ENTRY_BYTES);",
      },
    ],
  },
  'a second view is signed': {
    name: 'whoever has signed one view signs another',
    edits: [
      {
        file: 'client.ts',
        from: "if (state.phase === 'masked' && type === 'view')",
        to: "if ((state.phase === 'masked' || state.phase === 'signed') && type === 'view')",
      },
      {
        file: 'client.ts',
        from: 'async #consent(state: Masked,',
        to: 'async #consent(state: any,',
      },
    ],
  },
};

const root = join(import.meta.dirname, '../..');

/** A copy of the protocol with these faults; none for a faithful one. Call `remove` when done. */
export async function mutant(
  ...names: readonly FaultName[]
): Promise<{ readonly protocol: Protocol; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'aggregis-mutant-'));
  const secagg = join(folder, 'src/secagg');
  cpSync(join(root, 'src/secagg'), secagg, { recursive: true });
  for (const part of ['core', 'backend', 'formats']) {
    symlinkSync(join(root, 'src', part), join(folder, 'src', part));
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of names) for (const edit of FAULTS[name].edits) plant(secagg, edit);
  const load = (file: string): Promise<unknown> =>
    import(/* @vite-ignore */ pathToFileURL(join(secagg, file)).href);
  const { SecureClient, forkForStudy } = (await load('client.ts')) as Protocol;
  const { drawGraph } = (await load('graph.ts')) as Protocol;
  return {
    protocol: { SecureClient, forkForStudy, drawGraph },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function plant(folder: string, { file, from, to }: Fault['edits'][number]): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  if (text.split(from).length !== 2) {
    throw new Error(`the text of a planted fault must stand once in ${file}: ${from}`);
  }
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
}
