import type { ComponentChildren } from 'preact';
import type { PictureDetail } from '../../api.ts';
import type { AskFailure, AskResult, Try } from '../../../shared/types.ts';
import { clockWithSeconds, count, counted, dateTime, duration } from '../format.ts';
import { Badge } from '../ui/badge.tsx';
import { kindWords } from './shown-answers.ts';

type Answer = PictureDetail['answers'][number];

/** Every question about one picture, in the order in which they were asked. */
export function AnswerList({ answers }: { answers: Answer[] }) {
  return (
    <ol class="answers">
      {answers.map(({ prompt, outcome }) => (
        <li key={prompt.id} class="answer">
          <div class="answer-head">
            <h3>{prompt.name}</h3>
            <Verdict outcome={outcome} />
          </div>
          {outcome === null ? (
            <p class="muted">This question was not asked yet.</p>
          ) : outcome.ok ? (
            <p class="anywhere">{outcome.result.description}</p>
          ) : (
            <p class="answer-failure anywhere">
              <strong>{outcome.failure.kind}</strong>: {outcome.failure.message}
            </p>
          )}
          <details class="small">
            <summary>Question{outcome !== null && ', tokens and tries'}</summary>
            <div class="stack-s">
              <p class="answer-question anywhere">{prompt.text}</p>
              {outcome?.ok === true && <ResultFacts result={outcome.result} />}
              {outcome?.ok === false && <FailureFacts failure={outcome.failure} />}
            </div>
          </details>
        </li>
      ))}
    </ol>
  );
}

function Verdict({ outcome }: { outcome: Answer['outcome'] }) {
  if (outcome === null) return <Badge tone="quiet">not asked</Badge>;
  if (!outcome.ok) return <Badge tone="error">{kindWords(outcome.failure.kind)}</Badge>;
  const { match, count: n } = outcome.result;
  return match ? <Badge tone="match">match, count {count(n)}</Badge> : <Badge tone="quiet">no match</Badge>;
}

function Facts({ facts }: { facts: (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name} class="fact">
          <dt>{name}</dt>
          <dd class="anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function ResultFacts({ result }: { result: AskResult }) {
  const { usage, timings } = result;
  return (
    <>
      <Facts
        facts={[
          ['Model', result.model],
          [
            'Route',
            result.fallback === undefined ? result.route : `${result.route}, after: ${result.fallback}`,
          ],
          [
            'Tokens',
            usage === null
              ? 'the server did not say'
              : `${count(usage.inputTokens)} input (${count(usage.cachedTokens)} cached), ${count(usage.outputTokens)} output`,
          ],
          ['Counted against the limit', counted(result.charged, 'token')],
          ['Time', `${duration(result.ms)}, of which the model took ${duration(timings.modelMs)}`],
          ['Sent', <time dateTime={result.sentAt}>{dateTime(result.sentAt)}</time>],
          ...(result.requestId === undefined ? [] : [['Request', <code>{result.requestId}</code>] as const]),
          ...(result.recalledFrom === undefined
            ? []
            : [['Recalled', `from run ${result.recalledFrom}, which paid for it`] as const]),
        ]}
      />
      <Tries tries={result.tries} />
    </>
  );
}

function FailureFacts({ failure }: { failure: AskFailure }) {
  const { status, code, requestId, possiblyPaid } = failure;
  return (
    <>
      <Facts
        facts={[
          ...(status === undefined ? [] : [['Status', String(status)] as const]),
          ...(code === undefined ? [] : [['Code', <code>{code}</code>] as const]),
          ...(requestId === undefined ? [] : [['Request', <code>{requestId}</code>] as const]),
          ...(possiblyPaid === undefined
            ? []
            : [['Paid', 'nobody knows: the call was given up while it was open'] as const]),
        ]}
      />
      <Tries tries={failure.tries} />
    </>
  );
}

function Tries({ tries }: { tries: Try[] }) {
  if (tries.length === 0) return null;
  return (
    <div class="table-scroll" role="region" aria-label="Tries" tabIndex={0}>
      <table class="table">
        <caption class="visually-hidden">Tries</caption>
        <thead>
          <tr>
            <th scope="col">Try</th>
            <th scope="col">Sent</th>
            <th scope="col">Route</th>
            <th scope="col">Status</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="end">
              Took
            </th>
            <th scope="col" class="end">
              Waited then
            </th>
          </tr>
        </thead>
        <tbody>
          {tries.map((one, index) => (
            <tr key={one.at}>
              <th scope="row">{index + 1}</th>
              <td class="nowrap">
                <time dateTime={one.at}>{clockWithSeconds(one.at)}</time>
              </td>
              <td>{one.route}</td>
              <td>{one.status ?? 'none'}</td>
              <td>{one.outcome === 'ok' ? 'answered' : one.outcome}</td>
              <td class="end nowrap">{duration(one.ms)}</td>
              <td class="end nowrap">{one.waitMs === undefined ? '' : duration(one.waitMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
