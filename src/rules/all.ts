/**
 * All rules and stages of the main entry, one line each. A line here enters its file in the list of
 * rules, and with it in the package, the command line, the law tests, the conformance runner and the
 * documentation. Rules that look for attackers have a list of their own, `analysis.ts`.
 *
 * @module
 */

export * from './bulyan.ts';
export * from './caf.ts';
export * from './centered-clipping.ts';
export * from './geometric-median.ts';
export * from './krum.ts';
export * from './mda.ts';
export * from './mea-med.ts';
export * from './mean.ts';
export * from './median.ts';
export * from './monna.ts';
export * from './multi-krum.ts';
export * from './phocas.ts';
export * from './pre/arc.ts';
export * from './pre/bucketing.ts';
export * from './pre/clip-norm.ts';
export * from './pre/nnm.ts';
export * from './sign-vote.ts';
export * from './smea.ts';
export * from './trimmed-mean.ts';
export * from './trimmed-mean-beta.ts';
export * from './weighted-mean.ts';
