import type { RunDetail } from '../../api.ts';
import { compact, count, duration, of, percent, shareOf } from '../format.ts';
import { Card, Figure, Figures } from '../ui/card.tsx';
import { Progress } from '../ui/progress.tsx';
import { remaining, waits } from './standing.ts';

/** How far the run is, in a bar and in figures. */
export function ProgressCard({ run }: { run: RunDetail }) {
  const left = remaining(run);
  const waiting = waits(run);
  const unasked = Math.max(0, run.questions - run.answered - run.failed);
  return (
    <Card
      title="Progress"
      aside={run.questions > 0 ? `${percent(shareOf(run.answered, run.questions))} answered` : undefined}
    >
      <div class="stack">
        <Progress label="Answers" done={run.answered} failed={run.failed} total={run.questions} />
        <Figures>
          <Figure
            name="Complete pictures"
            note={run.listing ? `of ${count(run.pictures)} found so far` : `of ${count(run.pictures)}`}
          >
            {count(run.picturesComplete)}
          </Figure>
          <Figure name="Answers" note={`of ${count(run.questions)}`}>
            {count(run.answered)}
          </Figure>
          {run.failed > 0 && (
            <Figure name="Failed" note={percent(shareOf(run.failed, run.questions))}>
              <span class="failed">{count(run.failed)}</span>
            </Figure>
          )}
          {run.endedAt !== null && unasked > 0 && <Figure name="Not asked">{count(unasked)}</Figure>}
          {left !== '' && <Figure name="Time remaining">{left}</Figure>}
          <Figure name="Time at work">{duration(run.activeMs)}</Figure>
          {run.callsUnderWay !== null && run.endedAt === null && (
            <Figure name="Calls under way" note={waiting === '' ? undefined : waiting}>
              {count(run.callsUnderWay)}
            </Figure>
          )}
          <Figure
            name="Tokens"
            note={`${compact(run.inputTokens)} in (${compact(run.cachedTokens)} cached), ${compact(run.outputTokens)} out`}
          >
            {compact(run.inputTokens + run.outputTokens)}
          </Figure>
          {run.recalled > 0 && (
            <Figure name="Recalled" note="paid for by earlier runs">
              {count(run.recalled)}
            </Figure>
          )}
          {run.fallbacks > 0 && (
            <Figure name="Fell back to base64" note="their URL was not fetched">
              {count(run.fallbacks)}
            </Figure>
          )}
          {run.possiblyPaid > 0 && (
            <Figure name="Given up" note="under way at a cancel, possibly paid">
              {count(run.possiblyPaid)}
            </Figure>
          )}
          {run.skipped > 0 && (
            <Figure name="Skipped" note="files that are no picture">
              {count(run.skipped)}
            </Figure>
          )}
        </Figures>
      </div>
    </Card>
  );
}

/** The last minute against the limits, in words. */
export function lastMinuteText({ lastMinute, limits }: RunDetail): string | undefined {
  if (lastMinute === null) return undefined;
  return (
    `last 60 s: ${of(lastMinute.requests, limits.requestsPerMinute)} requests, ` +
    `${of(lastMinute.tokens, limits.tokensPerMinute)} tokens`
  );
}
