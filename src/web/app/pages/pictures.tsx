import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import type { PicturePage } from '../../api.ts';
import { useLoaded } from '../hooks.ts';
import { page, server } from '../pictures/addresses.ts';
import { Conditions } from '../pictures/conditions.tsx';
import { ExportMenu } from '../pictures/export-menu.tsx';
import { Filters } from '../pictures/filters.tsx';
import { conditionsOf } from '../pictures/filter.ts';
import { KeysDialog, useKeys } from '../pictures/keys.tsx';
import type { PageFacts } from '../pictures/ranges.ts';
import { Results } from '../pictures/results.tsx';
import { type PictureSource, sourceOf, useChanges } from '../pictures/source.ts';
import { useQuery } from '../pictures/use-query.ts';
import { type LiveRun, useRun } from '../pictures/use-run.ts';
import { StateBadge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';
import { BlockedBanner, ErrorState } from '../ui/states.tsx';

const KEYS = [
  [['/'], 'Search for text'],
  [['←', '→', '↑', '↓'], 'To the picture beside, above or below'],
  [['Page Up', 'Page Down'], 'By a screen'],
  [['Home', 'End'], 'To the first or last of the row; with Ctrl, of all'],
  [['Enter'], 'Open the picture'],
  [['?'], 'These keys'],
] as const satisfies [string[], string][];

export function PicturesPage({ run }: { run: string }) {
  const live = useRun(run);
  const { query, wrong } = useQuery();
  const [keys, setKeys] = useState(false);
  useKeys({
    '?': () => setKeys(true),
    '/': () => document.querySelector<HTMLInputElement>('.filters input[type="search"]')?.focus(),
  });

  return (
    <>
      <RunHead run={run} current="pictures">
        <Heading title="Pictures" />
        {live.data !== null && <StateBadge state={live.data.state} />}
        <span class="page-tools">
          <ExportMenu run={run} query={query} />
          <span class="keys-button">
            <Button kind="quiet" onClick={() => setKeys(true)}>
              Keys
            </Button>
          </span>
        </span>
      </RunHead>
      {live.data?.block != null && (
        <div class="above">
          <BlockedBanner block={live.data.block} />
        </div>
      )}
      {wrong !== null ? (
        <div class="stack-s">
          <ErrorState error={{ message: `The address asks for what cannot be: ${wrong.message}` }} />
          <p>
            <Link href={page.pictures(run, {})}>All pictures of the run</Link>
          </p>
        </div>
      ) : live.data === null && live.error !== null ? (
        <ErrorState error={live.error} retry={live.reload} />
      ) : (
        <Pictures run={run} live={live} query={query} />
      )}
      {keys && <KeysDialog keys={KEYS} onClose={() => setKeys(false)} />}
    </>
  );
}

function Pictures({ run, live, query }: { run: string; live: LiveRun; query: PictureQuery }) {
  const [, navigate] = useLocation();
  const prompts = live.data?.questionsAsked ?? [];
  const conditions = conditionsOf(query, prompts);
  const address = page.pictures(run, query);
  const source = useMemo(() => sourceOf(run, query), [address]);
  useChanges(source);
  const facts = useFacts(run, source);
  const opened = useRef(address);

  useEffect(() => {
    if (source.total() === null) source.need(0, 0);
    return () => source.rest();
  }, [source]);
  useEffect(() => {
    if (live.version !== null) source.tell(live.version);
  }, [live.version, source]);

  return (
    <>
      <Filters
        query={query}
        prompts={prompts}
        facts={facts}
        active={conditions.length - (query.text === undefined ? 0 : 1)}
        onChange={(changed, how) => navigate(page.pictures(run, changed), how)}
      />
      <Conditions conditions={conditions} hrefOf={(without) => page.pictures(run, without)} />
      <Results
        key={address}
        run={run}
        detail={live.data}
        source={source}
        of={facts?.of ?? null}
        query={query}
        prompts={prompts}
        returned={opened.current === address}
      />
    </>
  );
}

/** What the whole run has, also while a text search says nothing of it. */
function useFacts(run: string, source: PictureSource): PageFacts | null {
  const { data } = useLoaded<PicturePage>(source.search() === null ? null : server.pictures(run, {}, 0, 1));
  return source.facts() ?? data;
}
