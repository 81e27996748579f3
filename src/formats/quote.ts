/**
 * How names and texts from foreign files read in messages.
 *
 * @module
 */

const MAX_LENGTH = 80;

/**
 * A name in quotation marks: short, and free of characters that steer a terminal or reorder text.
 */
export function quote(name: string): string {
  const short = name.length > MAX_LENGTH ? `${name.slice(0, MAX_LENGTH)}…` : name;
  return visible(JSON.stringify(short));
}

/** Text whose characters that steer a terminal or reorder text are written as their numbers. */
export function visible(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
