/** The way to the log: order, company, and what becomes of what waits when events are lost. */

import { expect, test } from 'vitest';
import { EventPipe } from '../../src/federation/event-pipe.ts';
import type { RunEvent } from '../../src/federation/events.ts';
import type { LoggedEvent, NewEvent } from '../../src/federation/store/chain.ts';

/** A log in memory that is written when it is told to, or fails. */
class SlowLog {
  readonly events: LoggedEvent[] = [];
  /** Appends that wait, in the order of calls. */
  readonly waiting: { write: () => void; fail: (reason: Error) => void }[] = [];

  append(events: readonly NewEvent[], time: number): Promise<readonly LoggedEvent[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({
        write: () => {
          const logged = events.map(({ type, body }, i) => {
            return { seq: this.events.length + i + 1, time, type, body } as LoggedEvent;
          });
          this.events.push(...logged);
          resolve(logged);
        },
        fail: reject,
      });
    });
  }
}

function finished(rounds: number): RunEvent {
  return { type: 'run.finished', body: { rounds, reason: '' } };
}

function piped(log: SlowLog): { pipe: EventPipe; told: string[] } {
  const told: string[] = [];
  const pipe = new EventPipe(log, {
    onLogged: (events) => void told.push(...events.map(({ seq }) => `logged ${seq}`)),
    onFailure: (reason) => void told.push(`lost: ${(reason as Error).message}`),
  });
  return { pipe, told };
}

/** Lets promises that are settled be heard. */
const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

test('steps of one turn are appended together; later ones wait for them', async () => {
  const log = new SlowLog();
  const { pipe, told } = piped(log);
  const answers: string[] = [];
  const say = (word: string) => () => void answers.push(word);
  void pipe.write([finished(1)], 10).then(say('a'));
  void pipe.write([finished(2), finished(3)], 20).then(say('b'));
  await settled();
  expect(log.waiting).toHaveLength(2);
  void pipe.write([], 30).then(say('nothing'));
  void pipe.write([finished(4)], 40).then(say('c'));
  await settled();
  expect(log.waiting).toHaveLength(2);
  for (const { write } of log.waiting.splice(0)) write();
  await settled();
  expect(answers).toEqual(['a', 'b']);
  expect(told).toEqual(['logged 1', 'logged 2', 'logged 3']);
  // A step without events is answered with those that came at its time, and not before.
  for (const { write } of log.waiting.splice(0)) write();
  await settled();
  expect(answers).toEqual(['a', 'b', 'nothing', 'c']);
  expect(log.events.map(({ time }) => time)).toEqual([10, 20, 20, 40]);
});

test('where events are lost, so is all that was decided after them, and it is told once', async () => {
  const log = new SlowLog();
  const { pipe, told } = piped(log);
  const first = pipe.write([finished(1)], 10);
  await settled();
  const second = pipe.write([finished(2)], 20);
  log.waiting.shift()!.fail(new Error('full'));
  await expect(first).rejects.toThrow('full');
  await expect(second).rejects.toThrow('full');
  expect(log.waiting).toHaveLength(0);
  expect(told).toEqual(['lost: full']);
  const third = pipe.write([finished(3)], 30);
  await settled();
  log.waiting.shift()!.write();
  expect((await third).map(({ seq }) => seq)).toEqual([1]);
});
