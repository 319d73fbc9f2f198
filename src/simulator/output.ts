import { textTokens } from '../shared/image-tokens.ts';
import type { ModelAnswer } from '../shared/types.ts';
import type { FaultKind } from './faults.ts';
import type { Output } from './reply.ts';

/** The text that the model writes for an answer, spoilt where a fault says so. `usage` is the caller's to add. */
export function outputOf(
  answer: ModelAnswer,
  call: { structured: boolean; maxOutputTokens: number | null },
  fault: FaultKind | null,
): Omit<Output, 'usage'> {
  if (fault === 'refusal') {
    return { text: '', refusal: "I'm sorry, but I can't assist with that request.", finish: 'stop' };
  }
  const text = call.structured ? structured(answer, fault) : answer.description;
  const cap = call.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  if (fault === 'truncated' || textTokens(text.length) > cap) {
    return {
      text: text.slice(0, Math.min(cap * 4, Math.floor(text.length / 2))),
      refusal: null,
      finish: 'length',
    };
  }
  if (fault === 'content-filter') return { text: text.slice(0, 12), refusal: null, finish: 'filter' };
  return { text, refusal: null, finish: 'stop' };
}

function structured(answer: ModelAnswer, fault: FaultKind | null): string {
  const { match, count, description } = answer;
  switch (fault) {
    case 'malformed-json':
      return `Sure! ${description} {"match": ${match}, "count": ${count}`;
    case 'wrong-shape':
      return JSON.stringify({ matches: match ? 'yes' : 'no', number: String(count), text: description });
    case 'empty-description':
      return JSON.stringify({ match, count, description: '' });
    case 'negative-count':
      return JSON.stringify({ match, count: -1, description });
    case 'huge-count':
      return JSON.stringify({ match: true, count: 1_000_000_000, description });
    case 'control-characters':
      return JSON.stringify({
        match,
        count,
        description: `${description}\u001b[2J\u001b]0;owned\u0007\u009b31m\u202e`,
      });
    default:
      return JSON.stringify({ match, count, description });
  }
}
