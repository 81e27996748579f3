/**
 * The server's log of requests: who was refused and why, and never a secret.
 *
 * @module
 */

import { type DestinationStream, type Logger, pino } from 'pino';

/** How much is logged. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

/** Fields that could hold a secret, wherever they stand. */
const SECRET = [
  'token',
  'authorization',
  'proof',
  'signature',
  'signatureOld',
  'signatureNew',
  'challenge',
  'secret',
  'seed',
  'cookie',
];

/** A logger that writes lines of JSON. */
export function requestLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    redact: {
      paths: SECRET.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '(secret)',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
