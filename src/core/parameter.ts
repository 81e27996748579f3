/**
 * Options of things that have a name in a list (rules, stages, attacks): how each is read from text,
 * and what it means.
 *
 * @module
 */

/** One option: how its text in a SPEC is read. */
export interface Parameter<T = unknown, Required extends boolean = boolean> {
  readonly required: Required;
  /** What it means, in a few words. */
  readonly meaning: string;
  /** What its text must be, as it reads in a message. */
  readonly wants: string;
  /** The value, or undefined if the text is not one. */
  read(text: string): T | undefined;
}

/** Options by name. */
export type Schema = Readonly<Record<string, Parameter>>;

/** The object that a schema describes. */
export type Values<S extends Schema> = {
  readonly [K in keyof S as S[K]['required'] extends true ? K : never]: ValueOf<S[K]>;
} & {
  readonly [K in keyof S as S[K]['required'] extends true ? never : K]?: ValueOf<S[K]>;
};
type ValueOf<P> = P extends Parameter<infer T> ? T : never;

/** A schema for an options object: a parameter for each option, required where the option is. */
export type SchemaOf<O extends object> = {
  readonly [K in keyof O]-?: Parameter<
    Exclude<O[K], undefined>,
    Record<never, never> extends Pick<O, K> ? false : true
  >;
};

/** Options whose names and types a schema has checked. */
export type Options = Readonly<Record<string, unknown>>;

/** Makes an option one that may be left out. */
export function optional<T>(parameter: Parameter<T>): Parameter<T, false> {
  return { ...parameter, required: false };
}

/** An integer, in decimal digits. */
export function integer(meaning: string): Parameter<number, true> {
  return { required: true, meaning, wants: 'an integer', read: readInteger };
}

/** A finite number, in decimal notation. */
export function real(meaning: string): Parameter<number, true> {
  return { required: true, meaning, wants: 'a number', read: readReal };
}

/** Integers, with a slash between them. */
export function integers(meaning: string): Parameter<readonly number[], true> {
  const wants = 'integers with / between them';
  return { required: true, meaning, wants, read: (text) => readList(text, readInteger) };
}

/** Finite numbers, with a slash between them. */
export function reals(meaning: string): Parameter<readonly number[], true> {
  const wants = 'numbers with / between them';
  return { required: true, meaning, wants, read: (text) => readList(text, readReal) };
}

/** One of a few words. */
export function word<const W extends string>(
  meaning: string,
  words: readonly W[],
): Parameter<W, true> {
  const wants = `one of ${words.join(', ')}`;
  return { required: true, meaning, wants, read: (text) => words.find((w) => w === text) };
}

function readInteger(text: string): number | undefined {
  const value = readReal(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function readReal(text: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function readList<T>(text: string, read: (item: string) => T | undefined): T[] | undefined {
  const items = text.split('/').map(read);
  return items.every((item) => item !== undefined) ? items : undefined;
}
