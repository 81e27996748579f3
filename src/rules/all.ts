/**
 * All rules and stages, one line each. A line here enters its file in the list of rules, and with it
 * in the package, the command line, the law tests, the conformance runner and the documentation.
 *
 * @module
 */

export * from './krum.ts';
export * from './mean.ts';
export * from './median.ts';
export * from './multi-krum.ts';
export * from './pre/nnm.ts';
export * from './trimmed-mean.ts';
export * from './weighted-mean.ts';
