/**
 * The body of a team's worker: does one task after the other and overwrites the secrets that it got.
 *
 * @module
 */

import { KEY_BYTES } from '../suite.ts';
import type { Primitives } from './primitives.ts';
import type { Implementation } from './provider.ts';
import type { Answer, Order, Report, Task } from './team-protocol.ts';

/** What a team's worker can do. */
export type Skills = Partial<
  Record<Implementation, Pick<Partial<Primitives>, 'agreement' | 'signatures'>>
>;

/** A worker's end of the line, whatever the platform calls its type. */
interface Port {
  onmessage: (event: { readonly data: Order }) => void;
  postMessage(report: Report, transfer: readonly Transferable[]): void;
}

/** Answers what comes over `self`. */
export function serve(skills: Skills): void {
  const port = self as unknown as Port;
  port.onmessage = ({ data: { by, task } }) => {
    done(task, skills[by] ?? {}).then(
      (answer) => port.postMessage({ answer }, [answer.buffer]),
      () => port.postMessage({}, []),
    );
  };
}

async function done(task: Task, skill: NonNullable<Skills[Implementation]>): Promise<Answer> {
  try {
    switch (task.kind) {
      case 'publicKeys':
        return flat(await skill.agreement!.publicKeys(keys(task.secrets)));
      case 'sharedSecrets': {
        const [secrets, publicKeys] = [keys(task.secrets), keys(task.publicKeys)];
        const pairings = publicKeys.map((publicKey, i) => {
          return { secret: secrets[task.which[i]!]!, publicKey };
        });
        return flat(await skill.agreement!.sharedSecrets(pairings));
      }
      case 'verifyAll':
        return Uint8Array.from(await skill.signatures!.verifyAll(task.claims), Number);
      default:
        return task satisfies never;
    }
  } finally {
    if (task.kind !== 'verifyAll') task.secrets.fill(0);
  }
}

/** Keys that lie one after the other. */
export function keys(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / KEY_BYTES }, (_, i) =>
    bytes.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES),
  );
}

/** Keys one after the other; zeros for those that are not there. */
export function flat(parts: readonly (Uint8Array | undefined)[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.length * KEY_BYTES);
  for (const [i, part] of parts.entries()) if (part) bytes.set(part, i * KEY_BYTES);
  return bytes;
}
