/**
 * What pages of browser tests may ask of Node: to run a secure round with them.
 *
 * @module
 */

import type { BrowserCommand } from 'vitest/node';
import type { HostedRound, HostReport, Introduction, Mail } from './secure-host.ts';

/** As a page calls it. */
export interface SecureHost {
  openSecureRound(round: HostedRound): Promise<Introduction>;
  /** Replies go to the server; resolves with what there is for the page. */
  exchangeSecureMessages(room: number, replies: Mail): Promise<Mail>;
  reportSecureRound(room: number): Promise<HostReport>;
}

// Most runs of tests have no use for it: it is loaded when it is asked.
const host = (): Promise<typeof import('./secure-host.ts')> => import('./secure-host.ts');

/** The same as commands. */
export const secureHostCommands: {
  readonly [Name in keyof SecureHost]: BrowserCommand<Parameters<SecureHost[Name]>>;
} = {
  openSecureRound: async (_, round) => (await host()).open(round),
  exchangeSecureMessages: async (_, room, replies) => (await host()).exchange(room, replies),
  reportSecureRound: async (_, room) => (await host()).report(room),
};
