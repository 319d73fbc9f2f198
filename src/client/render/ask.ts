import { redact } from '../../shared/redact.ts';
import type { AskEvent, AskRequest } from '../../shared/single.ts';
import { count, cut, duration, labelled, wrap } from './format.ts';

const INDENT = '  ';

/**
 * One step of `ask`, for a person who writes prompts. `again`: what all questions share (instructions, model) was shown
 * with an earlier one.
 */
export function askLines(event: AskEvent, width: number, again = false): string[] {
  const fact = (label: string, text: string): string[] => labelled(label, redact(text, [], 4000), width);
  switch (event.type) {
    case 'request':
      return [
        '',
        `── ${cut(event.prompt, width - 6)} ──`,
        ...(again ? [] : sharedLines(event.body, width)),
        'Question',
        ...paragraphs(event.body.question, width),
      ];
    case 'answer': {
      const { result, raw } = event;
      const usage =
        result.usage === null
          ? 'the server does not say'
          : `${count(result.usage.inputTokens)} in (${count(result.usage.cachedTokens)} cached), ` +
            `${count(result.usage.outputTokens)} out`;
      const { waitMs, downloadMs, modelMs } = result.timings;
      return [
        'Answer',
        ...fact('  match', result.match ? 'yes' : 'no'),
        ...fact('  count', count(result.count)),
        ...fact('  says', result.description),
        ...fact('Raw', raw),
        ...fact('Tokens', `${usage}; ${count(result.charged)} counted against the limit`),
        ...fact(
          'Sent',
          `by ${routeOf(result.route)}` +
            (result.fallback === undefined ? '' : ` (after a URL: ${result.fallback.slice(0, 300)})`),
        ),
        ...fact(
          'Time',
          `${duration(result.ms)}, of which model ${duration(modelMs)}` +
            (downloadMs > 0 ? `, download ${duration(downloadMs)}` : '') +
            (waitMs > 0 ? `, waiting ${duration(waitMs)}` : ''),
        ),
        ...fact(
          'Server',
          `${result.model}, ${triesOf(result.tries.length)}` +
            (result.requestId === undefined ? '' : `, request ${result.requestId}`),
        ),
      ];
    }
    case 'failure': {
      const { failure } = event;
      const facts = [
        failure.status === undefined ? undefined : `status ${String(failure.status)}`,
        failure.code,
        failure.requestId === undefined ? undefined : `request ${failure.requestId}`,
        failure.tries.length === 0 ? undefined : triesOf(failure.tries.length),
      ].filter((known) => known !== undefined);
      return [
        ...fact('FAILED', `${failure.kind}: ${failure.message}`),
        ...(facts.length === 0 ? [] : fact('', facts.join(', '))),
      ];
    }
  }
}

function sharedLines(body: AskRequest, width: number): string[] {
  const { model, api, detail, maxOutputTokens, imageUrl, schema, instructions } = body;
  const way = api === 'chat' ? 'chat completions' : 'responses API';
  return [
    ...labelled(
      'Model',
      `${cut(model, 100)} (${way}), detail ${detail}, ${count(maxOutputTokens)} tokens of answer at most`,
      width,
    ),
    ...labelled('Picture', cut(imageUrl, 200), width),
    ...labelled(
      'Answer as',
      `JSON of the schema "${schema.name}": ${Object.keys(fieldsOf(schema.schema)).join(', ')}`,
      width,
    ),
    'Instructions',
    ...paragraphs(instructions, width),
  ];
}

const fieldsOf = (schema: Record<string, unknown>): object =>
  typeof schema['properties'] === 'object' && schema['properties'] !== null ? schema['properties'] : {};

/** A text of several paragraphs and lists, every line of it wrapped to the width. */
const paragraphs = (text: string, width: number): string[] =>
  text
    .trimEnd()
    .split('\n')
    .flatMap((line) => wrap(redact(line, [], 4000), Math.max(20, width - INDENT.length)))
    .map((line) => (INDENT + line).trimEnd());

const triesOf = (n: number): string => (n === 1 ? '1 try' : `${count(n)} tries`);

const routeOf = (route: string): string => (route === 'url' ? 'signed URL' : 'base64');
