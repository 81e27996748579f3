import { describe, expect, test } from 'vitest';
import { eventLoopTurn, TURN_MS, Turns } from '../../src/core/turn.ts';

/** Works for so long without a pause. */
function work(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('turns of the event loop', () => {
  test('let a timer fire that was due', async () => {
    let fired = false;
    setTimeout(() => {
      fired = true;
    }, 1);
    work(5);
    expect(fired).toBe(false);
    // A message may come before a timer once, not always.
    for (let k = 0; k < 5 && !fired; k++) await eventLoopTurn();
    expect(fired).toBe(true);
  });

  test('are due after some work, and again after some more', async () => {
    const turns = new Turns();
    expect(turns.due).toBe(false);
    work(TURN_MS + 1);
    expect(turns.due).toBe(true);
    await turns.take();
    expect(turns.due).toBe(false);
  });

  test('are due at once, and the last, when the signal is aborted', async () => {
    const controller = new AbortController();
    const turns = new Turns(controller.signal);
    expect(turns.due).toBe(false);
    controller.abort(new Error('enough'));
    expect(turns.due).toBe(true);
    await expect(turns.take()).rejects.toThrow('enough');
  });
});
