import { useEffect, useState } from 'preact/hooks';
import { Link, useLocation } from 'wouter-preact';
import type { PictureDetail } from '../../api.ts';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import { civil, dateTime, fileSize, of } from '../format.ts';
import { useLoaded } from '../hooks.ts';
import { page, server } from '../pictures/addresses.ts';
import { AnswerList } from '../pictures/answer-list.tsx';
import { AskAgain } from '../pictures/ask-again.tsx';
import { KeysDialog, useKeys } from '../pictures/keys.tsx';
import { detailWords } from '../pictures/missing.ts';
import { leaveFor, placeIn, rememberPlace } from '../pictures/places.ts';
import { baseName } from '../pictures/shown-answers.ts';
import { Stage } from '../pictures/stage.tsx';
import { useQuery } from '../pictures/use-query.ts';
import { useNewAnswers, useRun } from '../pictures/use-run.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Button } from '../ui/button.tsx';
import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';
import { BlockedBanner, ErrorState, Skeleton } from '../ui/states.tsx';

const KEYS = [
  [['←', 'k'], 'Picture before'],
  [['→', 'j'], 'Next picture'],
  [['z'], 'In its own size, or fitted; then the arrows scroll'],
  [['Esc'], 'Back to the pictures'],
  [['?'], 'These keys'],
] as const satisfies [string[], string][];

export function PicturePage({ run, at }: { run: string; at: number }) {
  const [, navigate] = useLocation();
  const { query, wrong } = useQuery();
  const live = useRun(run);
  const possible = Number.isInteger(at) && at >= 0;
  const loaded = useLoaded<PictureDetail>(
    possible ? server.picture(run, at, wrong === null ? query : {}) : null,
  );
  // While the next one is loaded the last one's answers are not shown under its picture.
  const picture = loaded.data?.at === at ? loaded.data : null;
  const [zoomed, setZoomed] = useState(false);
  const [keys, setKeys] = useState(false);

  useEffect(() => setZoomed(false), [at]);
  useNewAnswers(live.version, loaded.reload);
  useEffect(() => {
    if (picture === null) return;
    if (picture.rank !== null) rememberRank(run, query, picture.rank);
    // The next one is there when it is asked for.
    if (picture.next !== null) new Image().src = server.full(run, picture.next);
  }, [picture]);

  const title = picture === null ? `Picture ${at + 1}` : baseName(picture.name);
  const grid = page.pictures(run, query);
  const step = (to: number | null | undefined): void => {
    // Steps are no places to go back to: back leads to where one came from.
    if (to != null) navigate(page.picture(run, to, query), { replace: true });
  };
  const unlessZoomed = (to: number | null | undefined): void | false => (zoomed ? false : step(to));
  useKeys({
    ArrowLeft: () => unlessZoomed(picture?.previous),
    ArrowRight: () => unlessZoomed(picture?.next),
    k: () => step(picture?.previous),
    j: () => step(picture?.next),
    z: () => setZoomed(!zoomed),
    Escape: () => (zoomed ? setZoomed(false) : navigate(grid)),
    '?': () => setKeys(true),
  });

  return (
    <>
      <RunHead run={run} current="pictures">
        <Heading title={title}>
          <Breakable text={title} />
        </Heading>
      </RunHead>
      {live.data?.block != null && (
        <div class="above">
          <BlockedBanner block={live.data.block} />
        </div>
      )}
      <Steps run={run} query={query} picture={picture} grid={grid} onKeys={() => setKeys(true)} />
      {!possible ? (
        <ErrorState error={{ message: 'The address names no picture: its last part must be a number.' }} />
      ) : loaded.error !== null && picture === null ? (
        <ErrorState error={loaded.error} retry={loaded.reload} />
      ) : (
        <div class="picture">
          <div class="picture-stage">
            <Stage
              src={server.full(run, at)}
              alt={picture === null ? 'Picture' : detailWords(picture)}
              zoomed={zoomed}
              onZoom={() => setZoomed(!zoomed)}
            />
            <div class="row">
              <Button kind="quiet" aria-pressed={zoomed} onClick={() => setZoomed(!zoomed)}>
                In its own size
              </Button>
              <a class="button button-quiet" href={server.full(run, at)} target="_blank" rel="noreferrer">
                Open the file
              </a>
            </div>
          </div>
          {picture === null ? (
            <Skeleton what="the answers" lines={12} />
          ) : (
            <section class="stack-s" aria-labelledby="answers">
              <h2 id="answers">Answers</h2>
              <AskAgain key={at} run={run} picture={picture} />
              <AnswerList key={at} answers={picture.answers} />
              <h2>Picture</h2>
              <PictureFacts picture={picture} />
            </section>
          )}
        </div>
      )}
      {keys && <KeysDialog keys={KEYS} onClose={() => setKeys(false)} />}
    </>
  );
}

/** Where one returns to in the grid: at this picture, scrolled as it was where that shows it. */
function rememberRank(run: string, query: PictureQuery, rank: number): void {
  const address = page.pictures(run, query);
  rememberPlace(address, { rank, scrollY: placeIn(address)?.scrollY ?? null });
  leaveFor(address);
}

function Steps(props: {
  run: string;
  query: PictureQuery;
  picture: PictureDetail | null;
  grid: string;
  onKeys: () => void;
}) {
  const { run, query, picture, grid, onKeys } = props;
  return (
    <nav class="steps" aria-label="Pictures">
      <Link href={grid} class="button button-quiet">
        All of these
      </Link>
      <Step words="Before" to={picture?.previous ?? null} run={run} query={query} />
      <span class="steps-rank">
        {picture === null
          ? '…'
          : picture.rank === null
            ? 'not among these'
            : of(picture.rank + 1, picture.total)}
      </span>
      <Step words="Next" to={picture?.next ?? null} run={run} query={query} />
      <span class="keys-button">
        <Button kind="quiet" onClick={onKeys}>
          Keys
        </Button>
      </span>
    </nav>
  );
}

function Step(props: { words: string; to: number | null; run: string; query: PictureQuery }) {
  if (props.to === null)
    return (
      <span class="button" aria-disabled="true">
        {props.words}
      </span>
    );
  return (
    <Link href={page.picture(props.run, props.to, props.query)} replace class="button">
      {props.words}
    </Link>
  );
}

function PictureFacts({ picture }: { picture: PictureDetail }) {
  const facts = [
    ['Name', picture.name],
    ['Camera', picture.camera ?? 'no camera in the name'],
    ['Time in the name', picture.time === null ? 'none' : civil(picture.time)],
    ['Size', fileSize(picture.bytes)],
    ['Lies at', picture.uri],
    ['Identity', picture.identity],
    ['Asked', picture.startedAt === null ? 'not yet' : dateTime(picture.startedAt)],
  ] as const;
  return (
    <dl class="facts small">
      {facts.map(([name, value]) => (
        <div key={name} class="fact">
          <dt>{name}</dt>
          <dd class="anywhere">
            <Breakable text={value} />
          </dd>
        </div>
      ))}
      <div class="fact">
        <dt>Batch</dt>
        <dd>
          {picture.webUi === null ? (
            picture.batch + 1
          ) : (
            <a href={picture.webUi} target="_blank" rel="noreferrer">
              {picture.batch + 1}, in the Temporal Web UI
            </a>
          )}
        </dd>
      </div>
    </dl>
  );
}
