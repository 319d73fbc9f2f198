import { redact } from '../../shared/redact.ts';
import type { AskEvent } from '../../shared/single.ts';
import { count, cut, duration } from './format.ts';

/** One step of `ask`, for a person who writes prompts. */
export function askLines(event: AskEvent, width: number): string[] {
  switch (event.type) {
    case 'request':
      return [
        '',
        `== ${cut(event.prompt, width - 6)} ==`,
        `request (by ${event.route === 'url' ? 'signed URL' : 'base64'}):`,
        ...JSON.stringify(event.body, null, 2)
          .split('\n')
          .map((line) => `  ${redact(line, [], 2000)}`),
      ];
    case 'answer': {
      const { result, raw } = event;
      const usage =
        result.usage === null
          ? 'the server does not say'
          : `${count(result.usage.inputTokens)} in (${count(result.usage.cachedTokens)} cached), ` +
            `${count(result.usage.outputTokens)} out`;
      return [
        `raw answer:  ${redact(raw, [], 4000)}`,
        `checked:     match ${String(result.match)}, count ${count(result.count)}`,
        `             ${redact(result.description, [], 4000)}`,
        `tokens:      ${usage}; ${count(result.charged)} counted against the limit`,
        `route:       ${result.route}${result.fallback === undefined ? '' : ` (after a URL: ${redact(result.fallback, [], 300)})`}`,
        `time:        ${duration(result.ms)} in all, model ${duration(result.timings.modelMs)}, ` +
          `download ${duration(result.timings.downloadMs)}, waiting ${duration(result.timings.waitMs)}`,
        `model:       ${cut(result.model, 100)}, ${count(result.tries.length)} tries` +
          (result.requestId === undefined ? '' : `, request ${cut(result.requestId, 100)}`),
      ];
    }
    case 'failure': {
      const { failure } = event;
      const facts = [failure.status, failure.code, failure.requestId].filter((fact) => fact !== undefined);
      return [
        `failed:      ${failure.kind}: ${redact(failure.message, [], 4000)}`,
        `             ${count(failure.tries.length)} tries${facts.length > 0 ? ` · ${cut(facts.join(' · '), 300)}` : ''}`,
      ];
    }
  }
}
