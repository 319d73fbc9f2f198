import { describe, expect, test } from 'vitest';
import { createTurnstile } from '../../src/activities/turnstile.ts';

describe('a turnstile', () => {
  const open = new AbortController().signal;

  /** Lets all that may go in go in, and says who is inside, in this order. */
  function createQueue() {
    const turnstile = createTurnstile();
    const inside: string[] = [];
    const waited: string[] = [];
    const leave = new Map<string, () => void>();
    const enter = async (name: string, signal = open): Promise<void> => {
      const out = await turnstile.enter(name.startsWith('alone'), signal, () => waited.push(name));
      inside.push(name);
      leave.set(name, () => {
        inside.splice(inside.indexOf(name), 1);
        out();
      });
    };
    const settle = (): Promise<void> => new Promise((done) => setImmediate(done));
    return { enter, inside, waited, settle, leave: (name: string) => leave.get(name)?.() };
  }

  test('lets in as many as come, and one that is alone when they are gone; who comes later waits', async () => {
    const { enter, inside, waited, settle, leave } = createQueue();
    for (const name of ['a', 'b', 'alone 1', 'c', 'alone 2', 'd']) void enter(name);
    await settle();
    expect(inside).toEqual(['a', 'b']);
    expect(waited).toEqual(['alone 1', 'c', 'alone 2', 'd']);
    leave('a');
    await settle();
    expect(inside).toEqual(['b']);
    leave('b');
    await settle();
    expect(inside).toEqual(['alone 1']);
    leave('alone 1');
    await settle();
    expect(inside).toEqual(['c']);
    leave('c');
    await settle();
    expect(inside).toEqual(['alone 2']);
    leave('alone 2');
    await settle();
    expect(inside).toEqual(['d']);
  });

  test('one that gives up waiting holds nobody up', async () => {
    const { enter, inside, settle, leave } = createQueue();
    const giveUp = new AbortController();
    void enter('a');
    const alone = enter('alone', giveUp.signal);
    void enter('b');
    await settle();
    expect(inside).toEqual(['a']);
    giveUp.abort(new Error('called off'));
    await expect(alone).rejects.toThrow('called off');
    await settle();
    expect(inside).toEqual(['a', 'b']);
    await expect(enter('c', giveUp.signal)).rejects.toThrow('called off');
    for (const name of ['a', 'b']) leave(name);
    await enter('alone again');
    expect(inside).toEqual(['alone again']);
  });

  test('leaving twice is leaving once', async () => {
    const turnstile = createTurnstile();
    const leaveA = await turnstile.enter(false, open, () => {});
    await turnstile.enter(false, open, () => {});
    leaveA();
    leaveA();
    let waits = false;
    void turnstile.enter(true, open, () => (waits = true));
    expect(waits).toBe(true);
  });
});
