import type { RunDetail } from '../../api.ts';
import { dateTime } from '../format.ts';
import { useChange, useNow } from '../hooks.ts';
import { Actions } from '../run/actions.tsx';
import { Asked } from '../run/asked.tsx';
import { MinuteChart } from '../run/chart.tsx';
import { Errors, Matches } from '../run/found.tsx';
import { lastMinuteText, ProgressCard } from '../run/progress-card.tsx';
import { changed, standing } from '../run/standing.ts';
import { useRun } from '../run/use-run.ts';
import { SimulatedBadge, StateBadge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';
import { announce } from '../ui/live-region.tsx';
import { BlockedBanner, EmptyState, ErrorState, Notice, Skeleton } from '../ui/states.tsx';

/** One run, live where it is under way. */
export function RunPage({ run: name }: { run: string }) {
  const { run, connection, error, retry } = useRun(name);
  useChange(run?.state, (_state, last) => {
    if (run !== null && last !== undefined) announce(changed(run));
  });
  return (
    <>
      <RunHead run={name} current="run">
        <Heading title={name} />
        {run !== null && <StateBadge state={run.state} />}
        {run?.simulated === true && <SimulatedBadge />}
        {run !== null && connection === 'lost' && (
          <span class="small muted" role="status">
            Connection lost; trying again. Shown is what was heard last.
          </span>
        )}
      </RunHead>
      {error !== null && <ErrorState error={error} retry={retry} />}
      {run === null && error === null && <Skeleton what={`run ${name}`} lines={9} />}
      {run !== null && (run.problem === null ? <Run run={run} /> : <Unreadable problem={run.problem} />)}
    </>
  );
}

function Run({ run }: { run: RunDetail }) {
  const now = useNow(15_000);
  return (
    <div class="stack">
      <div class="run-intro">
        <div class="stack-s prose">
          <p>{standing(run, now)}</p>
          <p class="small muted anywhere">
            {run.source} · {run.model} · started{' '}
            <time dateTime={run.startedAt}>{dateTime(run.startedAt)}</time>
            {run.endedAt !== null && (
              <>
                , ended <time dateTime={run.endedAt}>{dateTime(run.endedAt)}</time>
              </>
            )}
            {run.webUi !== null && (
              <>
                {' · '}
                <a href={run.webUi} rel="noreferrer" target="_blank">
                  workflow in the Temporal Web UI<span class="visually-hidden"> (another tab)</span>
                </a>
              </>
            )}
          </p>
        </div>
        <Actions run={run} />
      </div>
      {run.block !== null && run.endedAt === null && <BlockedBanner block={run.block} />}
      {run.unreadable !== null && (
        <Notice title="The run’s workflow cannot be read here" tone="block">
          <p>{run.unreadable}</p>
        </Notice>
      )}
      {run.warnings.length > 0 && (
        <Notice title={run.warnings.length === 1 ? 'To know about this run' : 'To know about this run:'}>
          {run.warnings.map((warning) => (
            <p key={warning}>{warning}</p>
          ))}
        </Notice>
      )}
      {run.pictures === 0 && !run.listing && run.endedAt !== null ? (
        <EmptyState title="No picture was found">
          <p class="anywhere">
            There is none in {run.source}
            {run.include.length + run.exclude.length > 0 && ' that the run’s patterns let through'}.
          </p>
        </EmptyState>
      ) : (
        <ProgressCard run={run} />
      )}
      <div class="run-columns">
        <Matches run={run} />
        <Card title="Against the limits" aside={lastMinuteText(run)}>
          <MinuteChart minutes={run.minutes} limits={run.limits} />
        </Card>
      </div>
      <Errors run={run} />
      <Asked run={run} />
    </div>
  );
}

function Unreadable({ problem }: { problem: string }) {
  return (
    <Notice title="The record of this run cannot be read" tone="error">
      <p>{problem}</p>
    </Notice>
  );
}
