/**
 * `aggregis admin`: what an operator asks of a coordinator that runs on this machine.
 *
 * @module
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { FederationError, StoreError } from '../core/errors.ts';
import { ADMIN_FILE, type AdminAction, adminFile } from '../federation/http/admin.ts';
import { CLIENT_ID } from '../federation/identity.ts';
import { visible } from '../formats/quote.ts';
import { EXIT_CODES } from './failure.ts';

interface Flags {
  readonly reason?: string;
  readonly json?: true;
}

const DETAILS = `
RUN is the folder of the run that aggregis serve has open. Whoever may read ${ADMIN_FILE} there may ask.

What is revoked stays revoked, and a round that was cancelled has failed; both are in the log with their
reason. A pause ends with unpause, and with the server. Where no
server has the run open, or it says no, the exit code is 1.
`;

/** The command. */
export function adminCommand(): Command {
  const part = (name: AdminAction, description: string): Command =>
    new Command(name)
      .description(description)
      .argument('<run>', 'folder of the run')
      .option('--json', 'print JSON')
      .addHelpText('after', EXIT_CODES);
  const reasoned = (command: Command): Command =>
    command.option('--reason <text>', 'why, for the log', 'by the operator');
  return new Command('admin')
    .summary('pause a coordinator, end its round, put a client out')
    .description('Asks something of a coordinator that runs on this machine.')
    .addCommand(part('status', 'Tells how the run is getting on.').action(plainly('status')))
    .addCommand(part('pause', 'Opens no further round.').action(plainly('pause')))
    .addCommand(part('unpause', 'Opens rounds again.').action(plainly('unpause')))
    .addCommand(
      reasoned(part('cancel', 'Ends the round that is open.')).action(
        (run: string, { reason, json }: Flags) =>
          ask(run, { action: 'cancel', body: { reason }, json }),
      ),
    )
    .addCommand(
      reasoned(part('revoke', 'Puts a client out for good.'))
        .argument('<client>', 'its id, c-…', parseClient)
        .action((run: string, client: string, { reason, json }: Flags) =>
          ask(run, { action: 'revoke', body: { client, reason }, json }),
        ),
    )
    .addHelpText('after', DETAILS + EXIT_CODES);
}

function parseClient(text: string): string {
  if (CLIENT_ID.test(text)) return text;
  const needed = "It must be a client's id, c- and 32 hexadecimal digits";
  throw new InvalidArgumentError(`${needed}, got "${text}".`);
}

function plainly(action: AdminAction): (run: string, flags: Flags) => Promise<void> {
  return (run, { json }) => ask(run, { action, body: {}, json });
}

async function ask(
  run: string,
  {
    action,
    body,
    json,
  }: { readonly action: AdminAction; readonly body: object; readonly json: true | undefined },
): Promise<void> {
  const { url, token } = await wordOf(run);
  const response = await fetch(`${url}/${action}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  }).catch((cause: unknown) => {
    throw noServer(run, cause);
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) {
    const { code, message } = answer.error as { readonly code: string; readonly message: string };
    const details = { status: response.status, refusal: code };
    throw new FederationError('refused', `${code}: ${message}`, details);
  }
  const lines = Object.entries(answer).map(
    ([name, value]) => `${name.padEnd(12)}${visible(String(value))}`,
  );
  process.stdout.write(`${json ? JSON.stringify(answer) : lines.join('\n')}\n`);
}

async function wordOf(run: string): Promise<{ readonly url: string; readonly token: string }> {
  try {
    return adminFile.parse(JSON.parse(await readFile(join(run, ADMIN_FILE), 'utf8')));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES') throw cause;
    // A message of the parser might quote the word.
    throw noServer(run, code === 'ENOENT' ? cause : undefined);
  }
}

function noServer(run: string, cause: unknown): StoreError {
  return new StoreError('missing', `${run}: no server has this run open`, { cause });
}
