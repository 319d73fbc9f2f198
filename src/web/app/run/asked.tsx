import type { RunDetail } from '../../api.ts';
import { SAID } from '../../../shared/limits.ts';
import { count } from '../format.ts';
import { Card } from '../ui/card.tsx';

/** The instructions, the questions and the settings, as they were frozen when the run started. */
export function Asked({ run }: { run: RunDetail }) {
  return (
    <Card title="What was asked" aside="frozen at the start of the run">
      <div class="stack-s">
        <details>
          <summary>
            {run.questionsAsked.length === 1 ? 'The question' : `The ${run.questionsAsked.length} questions`}
          </summary>
          <ol class="questions">
            {run.questionsAsked.map(({ id, name, text }) => (
              <li key={id}>
                <h3>
                  {name} <code class="muted small">{id}</code>
                </h3>
                <pre class="asked-text">{text}</pre>
              </li>
            ))}
          </ol>
        </details>
        <details>
          <summary>The instructions that all of them share</summary>
          {run.instructions === '' ? (
            <p class="muted">There are none.</p>
          ) : (
            <pre class="asked-text">{run.instructions}</pre>
          )}
        </details>
        <details>
          <summary>The settings</summary>
          <dl class="settings">
            {settingsOf(run).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd class="anywhere">{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      </div>
    </Card>
  );
}

function settingsOf(run: RunDetail): [name: string, value: string][] {
  const { limits } = run;
  return [
    ['Model', run.model],
    ['Detail', run.detail],
    ['Source', run.source],
    ...(run.include.length > 0 ? ([['Only', run.include.join(', ')]] as [string, string][]) : []),
    ...(run.exclude.length > 0 ? ([['Except', run.exclude.join(', ')]] as [string, string][]) : []),
    ['Pictures', run.limit === null ? 'all' : `the first ${count(run.limit)}`],
    [
      'Pictures travel',
      run.route === 'url'
        ? 'as signed URLs'
        : `as base64${run.routeReason === null ? '' : `: ${run.routeReason}`}`,
    ],
    ['Pictures side by side in a batch', count(run.batchSize)],
    ['Calls in flight', run.concurrency === null ? 'as many as the limits need' : count(run.concurrency)],
    [
      'Limits',
      `${count(limits.requestsPerMinute)} requests and ${count(limits.tokensPerMinute)} tokens a minute, ${SAID[limits.from]}`,
    ],
    ['Workflow', run.workflowId],
  ];
}
