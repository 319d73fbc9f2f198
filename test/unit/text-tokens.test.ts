import { expect, test } from 'vitest';
import { createTextTokens } from '../../src/activities/text-tokens.ts';

test('the largest value seen of a question is known, of another question nothing', () => {
  const tokens = createTextTokens();
  expect(tokens.known('crowd')).toBeNull();
  for (const seen of [300, 320, 40]) tokens.learn('crowd', seen);
  expect(tokens.known('crowd')).toBe(320);
  expect(tokens.known('pothole')).toBeNull();
});

test('what it knows is bounded; the oldest is forgotten', () => {
  const tokens = createTextTokens();
  for (let i = 0; i <= 1_000; i += 1) tokens.learn(`question ${i}`, i);
  expect(tokens.known('question 0')).toBeNull();
  expect(tokens.known('question 1')).toBe(1);
  expect(tokens.known('question 1000')).toBe(1_000);
});
