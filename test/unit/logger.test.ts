import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/logger.ts';

function logged(pretty: boolean, fields: object): string {
  const destination = new PassThrough();
  createLogger({ level: 'info', destination, pretty }).info(fields, 'batch 1 begins');
  return String(destination.read());
}

test('a line is one JSON object with a readable level and time', () => {
  expect(JSON.parse(logged(false, { batch: 1 }))).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    batch: 1,
    msg: 'batch 1 begins',
  });
});

test('a terminal gets a readable line', () => {
  const line = logged(true, { batch: 1 });
  expect(line).toContain('batch 1 begins');
  expect(line).not.toMatch(/^\{/);
});

test.each([false, true])('a secret in a field is not written (readable: %s)', (pretty) => {
  const line = logged(pretty, {
    apiKey: 'canary',
    request: { headers: { authorization: 'canary' } },
    imageUrl: 'canary',
  });
  expect(line).not.toContain('canary');
  expect(line).toContain('[redacted]');
});

test('a level below the wanted one is left out', () => {
  const destination = new PassThrough();
  createLogger({ level: 'warn', destination, pretty: false }).info('quiet');
  expect(destination.read()).toBeNull();
});
