/**
 * The rules that come with the analysis of updates, one line each: they judge who attacks, by the
 * measures of a detector. A line here does what one in `all.ts` does, but for the entry that exports it:
 * `aggregis/analysis`, so that browsers load it only if they ask for it.
 *
 * @module
 */

export * from './dnc.ts';
export * from './fl-trust.ts';
export * from './flame.ts';
export * from './fools-gold.ts';
export * from './sign-guard.ts';
