/**
 * A cursor over the text of a file's header, for those who read it character by character.
 *
 * @module
 */

import { FormatError } from '../core/errors.ts';

const BLANKS = ' \n\r\t';

/** Where reading has come to. What is asked for may have white space before it. */
export class Cursor {
  /** The file's name, for messages. */
  readonly file: string;
  readonly text: string;
  at = 0;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  /** Moves past white space; where that ends. */
  skip(): number {
    while (this.at < this.text.length && BLANKS.includes(this.text[this.at]!)) this.at++;
    return this.at;
  }

  /** Whether a character comes next; moves past it if so. */
  take(character: string): boolean {
    if (this.text[this.skip()] !== character) return false;
    this.at++;
    return true;
  }

  /** Moves past a character. */
  expect(character: string): void {
    if (!this.take(character)) this.fail(`needs '${character}'`);
  }

  /** Nothing but white space may follow. */
  end(): void {
    if (this.skip() < this.text.length) this.fail('goes on after its closing brace');
  }

  /** @throws {FormatError} `malformed`, with the place. */
  fail(problem: string): never {
    throw new FormatError('malformed', `${this.file}: header ${problem}, at character ${this.at}`);
  }
}
