/**
 * WGSL without what only its readers need: comments, spaces and long names. Browsers load shaders as
 * text, and no minifier of programs looks into it.
 *
 * Texts are compacted together, so that they may still be joined. What is declared outside of functions
 * gets two letters, the second a capital: no keyword is written so. What is declared in a function,
 * parameters included, gets a letter, anew in each function; members get a letter too, but for those
 * that could be components of a vector.
 *
 * @module
 */

/** A slot, a word, a number or a sign. */
const TOKEN =
  /#slot \w+|[A-Za-z_]\w*|0[xX][\da-fA-F.]+(?:[pP][+-]?\d+)?[iufh]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?|[-+*/%&|^=!<>~]+|[^\s\w]/g;
const COMMENT = /\/\/.*$/gm;
const WORD = /^[A-Za-z_]/;
/** Letters or digits that meet, or signs that meet, could be read as one token. */
const MEET = /^(?:\w[\w#]|[-+*/%&|^=!<>~]{2})$/;
/** A member's name that could also choose components of a vector. */
const SWIZZLE = /^(?:[xyzw]{1,4}|[rgba]{1,4})$/;
/** Words that mean something in `var<…>` and `ptr<…>`, where they could be declared too. */
const CONTEXT = /^(?:function|private|workgroup|uniform|storage|read|write|read_write)$/;
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const CAPITALS = LETTERS.map((letter) => letter.toUpperCase());
const SINGLE: readonly string[] = [...LETTERS, ...CAPITALS];
const GLOBALS: readonly string[] = LETTERS.flatMap((a) => CAPITALS.map((b) => a + b));
const OTHERS: readonly string[] = [...SINGLE, ...GLOBALS.map((name) => `${name[1]}${name[0]}`)];

interface Token {
  readonly text: string;
  /** Of a word: whether it names an attribute or what is built in. */
  readonly isAttribute: boolean;
  /** Of a word: whether a dot or the body of a struct makes it a member. */
  readonly isMember: boolean;
  /** The function it stands in, if any. */
  readonly scope: Scope | undefined;
}

/** The names that a function declares, and whether it has a slot: text in it may speak of them. */
interface Scope {
  readonly locals: Set<string>;
  hasSlot: boolean;
}

interface Parsed {
  readonly tokens: readonly Token[];
  readonly globals: ReadonlySet<string>;
  readonly members: ReadonlySet<string>;
  readonly overrides: ReadonlySet<string>;
}

/** What is declared where. */
function parse(code: string): Parsed {
  if (code.includes('/*')) throw new Error('comments must be of one line: //');
  const texts = code.replace(COMMENT, '').match(TOKEN) ?? [];
  const globals = new Set<string>();
  const members = new Set<string>();
  const overrides = new Set<string>();
  const tokens: Token[] = [];
  let depth = 0;
  let inStruct = false;
  let scope: Scope | undefined;
  for (const [i, text] of texts.entries()) {
    const before = texts[i - 1];
    if (depth === 0 && (text === 'fn' || text === 'struct')) {
      inStruct = text === 'struct';
      scope = inStruct ? undefined : { locals: new Set(), hasSlot: false };
    }
    if (text === '{') depth++;
    const isField = inStruct && depth === 1 && texts[i + 1] === ':';
    const isParameter = depth === 0 && texts[i + 1] === ':';
    if (isField) members.add(text);
    else if (scope && isParameter) scope.locals.add(text);
    else if (scope && text.startsWith('#slot')) scope.hasSlot = true;
    else if (before === 'override') overrides.add(text);
    else if (before === 'fn' || before === 'struct' || before === 'alias') globals.add(text);
    else if (/^(?:let|const|var)$/.test(declarator(texts, i))) (scope?.locals ?? globals).add(text);
    const isAttribute = before === '@' || texts[i - 2] === 'builtin';
    tokens.push({ text, isAttribute, isMember: isField || before === '.', scope });
    if (text === '}' && --depth === 0) {
      inStruct = false;
      scope = undefined;
    }
  }
  return { tokens, globals, members, overrides };
}

/** The word before a token; of `var<storage, read> x`, `var`. */
function declarator(texts: readonly string[], i: number): string {
  if (!WORD.test(texts[i]!)) return '';
  if (texts[i - 1] !== '>') return texts[i - 1] ?? '';
  const opening = texts.lastIndexOf('<', i);
  return texts[opening - 1] === 'var' ? 'var' : '';
}

/**
 * Hands out the names of a list, each once.
 *
 * @param habits - What names were changed to elsewhere: so it is done again, where it can.
 */
function namer(
  list: readonly string[],
  habits: Map<string, string> = new Map(),
): (old: string) => string {
  const free = new Set(list);
  const given = new Map<string, string>();
  return (old) => {
    const habit = habits.get(old) ?? '';
    const name = given.get(old) ?? (free.has(habit) ? habit : [...free][0]);
    if (name === undefined) throw new Error(`no short name is left for ${old}`);
    free.delete(name);
    given.set(old, name);
    habits.set(old, name);
    return name;
  };
}

/**
 * The texts, compacted.
 *
 * @param kept - Names that programs speak of: entry points, and all in texts that fill slots.
 *   Overrides need not be among them.
 */
export function compact(
  sources: ReadonlyMap<string, string>,
  kept: ReadonlySet<string>,
): Map<string, string> {
  const parsed = new Map([...sources].map(([name, code]) => [name, parse(code)]));
  const all = [...parsed.values()];
  // Pipelines set overrides by name.
  const fixed = new Set([...kept, ...all.flatMap(({ overrides }) => [...overrides])]);
  const globals = new Set(all.flatMap((text) => [...text.globals]));
  const members = new Set(all.flatMap((text) => [...text.members]));
  const isFixed = (name: string): boolean => fixed.has(name);
  const [forGlobals, others] = [GLOBALS, OTHERS].map((list) => list.filter((n) => !isFixed(n)));
  const globalName = namer(forGlobals!);
  const memberName = namer(others!.filter((name) => !SWIZZLE.test(name)));
  const habits = new Map<string, string>();
  const localNames = new Map<Scope, (old: string) => string>();
  const localName = (scope: Scope, old: string): string => {
    const name = localNames.get(scope) ?? namer(others!, habits);
    localNames.set(scope, name);
    return name(old);
  };
  const renamed = ({ text, isAttribute, isMember, scope }: Token): string => {
    if (!WORD.test(text) || isAttribute || CONTEXT.test(text)) return text;
    // A local name that is also a global one goes with it: which of them is meant stays as it was.
    if (scope?.locals.has(text) && !isMember && !globals.has(text)) {
      return scope.hasSlot && isFixed(text) ? text : localName(scope, text);
    }
    if (isFixed(text)) return text;
    if (isMember) return members.has(text) && !SWIZZLE.test(text) ? memberName(text) : text;
    return globals.has(text) ? globalName(text) : text;
  };
  return new Map([...parsed].map(([name, { tokens }]) => [name, joined(tokens.map(renamed))]));
}

/** Tokens in a row, with the spaces that keep them apart. A declaration is a line: compilers name it. */
function joined(texts: readonly string[]): string {
  let code = '';
  let depth = 0;
  for (const text of texts) {
    if (MEET.test(`${code.at(-1)}${text[0]}`)) code += ' ';
    // A comma behind the last of a list is for whoever adds to it.
    if (/^[)}]$/.test(text)) code = code.replace(/,$/, '');
    code += text;
    if (text === '{') depth++;
    if (text === '}') depth--;
    if (text.startsWith('#') || (depth === 0 && /^[;}]$/.test(text))) code += '\n';
  }
  return code;
}
