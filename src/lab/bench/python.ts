/**
 * A Python beside this process that times its own code: requests and answers are JSON, one a line, so
 * that neither its start nor its imports are in any time. Under Node.
 *
 * @module
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { show } from '../../core/assert.ts';
import type { PeerFacts } from './ratios.ts';

const run = promisify(execFile);

/** Interpreters that are tried in turn, where none is named. */
const INTERPRETERS = ['python3', 'python', '/usr/bin/python3'];

/**
 * The interpreter that `named` names, or the first on the path that imports NumPy; in one line, why
 * there is none.
 */
export async function findPython(
  named: string | undefined,
): Promise<{ interpreter: string } | { problem: string }> {
  for (const interpreter of named === undefined ? INTERPRETERS : [named]) {
    try {
      await run(interpreter, ['-c', 'import numpy']);
      return { interpreter };
    } catch (error) {
      if (named === undefined) continue;
      const lines = (error as Error).message.trim().split('\n');
      return { problem: `AGGREGIS_PYTHON, ${show(named)}, cannot import numpy: ${lines.at(-1)}` };
    }
  }
  const tried = INTERPRETERS.join(', ');
  return { problem: `no Python imports numpy (tried ${tried}); name one in AGGREGIS_PYTHON` };
}

/** A request: what to do, and with what. */
export type Request = Readonly<{ do: string } & Record<string, unknown>>;

/** A running child. */
export class Python implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /** Starts `script` with at most so many threads. What it prints besides answers goes nowhere. */
  static async start(
    interpreter: string,
    { script, threads }: { script: string; threads: number },
  ): Promise<{ python: Python; facts: PeerFacts }> {
    const env = { ...process.env, AGGREGIS_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: '1' };
    const child = spawn(interpreter, [script], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    // Spoken to after its end: the missing answer says so.
    child.stdin.on('error', () => {});
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    const python = new Python(child);
    return { python, facts: (await python.ask({ do: 'facts' })) as unknown as PeerFacts };
  }

  /**
   * The answer to a request.
   *
   * @throws {PythonProblem} with the child's own words, if it cannot do what was asked.
   */
  async ask(request: Request): Promise<Readonly<Record<string, unknown>>> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`);
    const { done, value } = await this.#answers.next();
    if (done) throw new PythonProblem(`Python ended while it was asked to ${request.do}`);
    const answer = JSON.parse(value) as Record<string, unknown>;
    if (typeof answer.problem === 'string') throw new PythonProblem(answer.problem);
    return answer;
  }

  /** Ends the child. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}

/** What the other side could not do. */
export class PythonProblem extends Error {
  override readonly name = 'PythonProblem';
}
