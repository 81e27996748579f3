/**
 * What was measured of attacks on federations, kept so that a command that is interrupted goes on where it
 * was: a file of JSON lines, to which each finished measurement is added as it comes.
 *
 * @module
 */

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type {
  AimedAttack,
  AttackFamily,
  AttackOutcome,
  Deed,
  Setting,
} from '../src/lab/federation-attacks.ts';

/** How a run was made. */
export type How = 'one process' | 'processes';

/** Which run it is. */
export interface Cell {
  readonly pipeline: string;
  /** Name of the family, or `none`. */
  readonly attack: string;
  readonly seed: number;
  readonly how: How;
}

/** A run that was measured. */
export interface Measured extends Cell, AttackOutcome {
  readonly deed?: Deed;
  readonly seconds: number;
}

/** An attack that was aimed. */
export interface Aimed extends AimedAttack {
  readonly pipeline: string;
  readonly attack: string;
  /** What it could be aimed with. */
  readonly deeds: readonly Deed[];
}

/** What all measurements have in common. */
export interface Subject {
  /** Where examples come from. */
  readonly source: string;
  readonly setting: Setting;
  /** Attacks are aimed under these. */
  readonly aimingSeeds: readonly number[];
}

type Line =
  | { readonly kind: 'aim'; readonly aim: Aimed }
  | { readonly kind: 'run'; readonly run: Measured };

/** Measurements in a file. One command at a time writes it. */
export class Results {
  readonly subject: Subject;
  readonly #file: string;
  readonly #aims: Aimed[] = [];
  readonly #runs: Measured[] = [];

  private constructor(file: string, subject: Subject) {
    this.#file = file;
    this.subject = subject;
  }

  /**
   * Opens the file, or begins it. What was measured with strengths that `families` have no more is
   * forgotten; with `again`, all of it is.
   *
   * @throws {Error} if it holds measurements of something else.
   */
  static open(
    file: string,
    options: Subject & { readonly families: readonly AttackFamily[]; readonly again: boolean },
  ): Results {
    const { families, again, ...subject } = options;
    const results = new Results(file, subject);
    if (!again && existsSync(file)) results.#read(readFileSync(file, 'utf8'), families);
    const lines = [
      subject,
      ...results.#aims.map((aim): Line => ({ kind: 'aim', aim })),
      ...results.#runs.map((run): Line => ({ kind: 'run', run })),
    ];
    writeFileSync(`${file}.part`, lines.map(lineOf).join(''));
    renameSync(`${file}.part`, file);
    return results;
  }

  get runs(): readonly Measured[] {
    return this.#runs;
  }

  aim(pipeline: string, attack: string): Aimed | undefined {
    return this.#aims.find((one) => one.pipeline === pipeline && one.attack === attack);
  }

  run({ pipeline, attack, seed, how }: Cell): Measured | undefined {
    const isIt = (run: Measured): boolean =>
      run.pipeline === pipeline && run.attack === attack && run.seed === seed && run.how === how;
    return this.#runs.find(isIt);
  }

  addAim(aim: Aimed): void {
    this.#aims.push(aim);
    appendFileSync(this.#file, lineOf({ kind: 'aim', aim }));
  }

  addRun(run: Measured): void {
    this.#runs.push(run);
    appendFileSync(this.#file, lineOf({ kind: 'run', run }));
  }

  #read(text: string, families: readonly AttackFamily[]): void {
    // What is behind the last line's end was cut off while it was written.
    const [subject, ...lines] = text.split('\n').slice(0, -1);
    if (subject !== JSON.stringify(this.subject)) {
      throw new Error(`${this.#file} is about ${subject}: --again forgets it`);
    }
    for (const line of lines.map((one) => JSON.parse(one) as Line)) {
      if (line.kind === 'aim') {
        const { deeds } = families.find(({ name }) => name === line.aim.attack) ?? {};
        if (isSame(deeds, line.aim.deeds)) this.#aims.push(line.aim);
      } else if (this.#holds(line.run)) {
        this.#runs.push(line.run);
      }
    }
  }

  /** A run with what is aimed now; the aim is in an earlier line. */
  #holds({ pipeline, attack, deed }: Measured): boolean {
    return attack === 'none' || isSame(this.aim(pipeline, attack)?.deed, deed ?? null);
  }
}

function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
