#!/usr/bin/env node
/**
 * The command line. Each command is loaded when it is asked for, so that help is instant and a
 * command pays for itself alone.
 *
 * @module
 */

import { Command, CommanderError } from 'commander';
import { EXIT_CODES, exitCodeOf, explain } from './failure.ts';
import { version } from './version.ts';

/** A command, before it is loaded. */
interface Listed {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const commands: ReadonlyMap<string, Listed> = new Map([
  [
    'aggregate',
    {
      summary: 'aggregate model files into one, screened and by a robust rule',
      load: async () => (await import('./aggregate.ts')).aggregateCommand(),
    },
  ],
  [
    'inspect',
    {
      summary: 'tell which model files are unlike what honest clients send',
      load: async () => (await import('./inspect.ts')).inspectCommand(),
    },
  ],
  [
    'simulate',
    {
      summary: 'train under attack with several rules, and see which of them hold',
      load: async () => (await import('./simulate.ts')).simulateCommand(),
    },
  ],
  [
    'serve',
    {
      summary: 'coordinate a federation: take updates in, send models out',
      load: async () => (await import('./serve.ts')).serveCommand(),
    },
  ],
  [
    'join',
    {
      summary: 'take part in a federation: train what a coordinator sends',
      load: async () => (await import('./join.ts')).joinCommand(),
    },
  ],
  [
    'keys',
    {
      summary: "show or change a client's key",
      load: async () => (await import('./keys.ts')).keysCommand(),
    },
  ],
  [
    'admin',
    {
      summary: 'pause a coordinator, end its round, put a client out',
      load: async () => (await import('./admin.ts')).adminCommand(),
    },
  ],
  [
    'report',
    {
      summary: 'show what happened in a run, and verify it',
      load: async () => (await import('./report.ts')).reportCommand(),
    },
  ],
  [
    'conformance',
    {
      summary: 'run golden vectors against the rules, stages and attacks of this version',
      load: async () => (await import('./conformance.ts')).conformanceCommand(),
    },
  ],
  [
    'bench',
    {
      summary: 'time rules on the backends of this machine, and others beside them',
      load: async () => (await import('./bench.ts')).benchCommand(),
    },
  ],
  [
    'privacy',
    {
      summary: 'tell what private rounds cost, and find the noise for a promise',
      load: async () => (await import('./privacy.ts')).privacyCommand(),
    },
  ],
  [
    'doctor',
    {
      summary: 'show the backends of this machine, and check their arithmetic',
      load: async () => (await import('./doctor.ts')).doctorCommand(),
    },
  ],
]);

async function main(words: readonly string[]): Promise<void> {
  const program = new Command('aggregis')
    .description('Aggregates federated-learning updates: robustly, on any GPU or CPU.')
    .version(version())
    .addHelpText('after', EXIT_CODES)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'aggregis:')) })
    .showHelpAfterError('(see aggregis --help)')
    .exitOverride();
  const wanted = words.find((word) => !word.startsWith('-') && word !== 'help');
  for (const [name, { summary, load }] of commands) {
    if (name === wanted) {
      const command = (await load()).copyInheritedSettings(program);
      command.showHelpAfterError(`(see aggregis ${name} --help)`);
      for (const part of command.commands) part.copyInheritedSettings(command);
      program.addCommand(command);
    } else {
      program.command(name).summary(summary).description(summary);
    }
  }
  await program.parseAsync(words, { from: 'user' });
}

// A reader that has seen enough, as in `aggregis … | head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`${explain(error)}\n`);
  process.exit(exitCodeOf(error));
});
// Progress and complaints that nobody can read are no reason to stop, nor to exit otherwise.
process.stderr.on('error', () => {});

try {
  await main(process.argv.slice(2));
} catch (error) {
  // Commander has printed its own messages.
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
