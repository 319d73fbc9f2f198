import { Link } from 'wouter-preact';
import type { Change, Comparison, ShownAnswer } from '../../api.ts';
import { counted } from '../format.ts';
import { Breakable } from '../ui/breakable.tsx';
import { page } from './addresses.ts';
import { answerWords, CHANGE_WORDS, type PromptName } from './shown-answers.ts';
import { Thumb } from './thumb.tsx';

type Row = Comparison['rows'][number];

/** One picture of both runs, with what each said of it. */
export function ComparedRow(props: { row: Row; left: string; right: string; prompts: PromptName[] }) {
  const { row, left, right, prompts } = props;
  const answers = prompts.flatMap(({ id, name }) => {
    const answer = row.answers[id];
    return answer === undefined ? [] : [{ id, name, ...answer }];
  });
  const differing = answers.filter(({ change }) => change !== 'same');
  const same = answers.filter(({ change }) => change === 'same');
  return (
    <li class="compared">
      <div class="compared-picture">
        <Link href={page.picture(right, row.right, {})}>
          <Thumb run={right} at={row.right} alt={row.name} width={240} height={160} />
        </Link>
      </div>
      <div class="stack-s">
        <h3 class="anywhere">
          <Breakable text={row.name} />
        </h3>
        <p class="small row">
          <Link href={page.picture(left, row.left, {})}>In {left}</Link>
          <Link href={page.picture(right, row.right, {})}>In {right}</Link>
        </p>
        {!row.sameContent && (
          <p class="small compared-warning">The two runs saw different contents under this name.</p>
        )}
        {differing.length > 0 && (
          <ul class="differing">
            {differing.map(({ id, name, change, left: before, right: after }) => (
              <li key={id} class="difference">
                <p class="difference-head">
                  <strong>{name}</strong> <ChangeMark change={change} />
                </p>
                <Side run={left} answer={before} />
                <Side run={right} answer={after} />
              </li>
            ))}
          </ul>
        )}
        {same.length > 0 && (
          <details class="small">
            <summary>{counted(same.length, 'answer')} with the same match and count</summary>
            <ul class="differing">
              {same.map(({ id, name, left: before, right: after }) => (
                <li key={id} class="difference">
                  <p class="difference-head">
                    <strong>{name}</strong>
                  </p>
                  <Side run={left} answer={before} />
                  <Side run={right} answer={after} />
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </li>
  );
}

function ChangeMark({ change }: { change: Change }) {
  return <span class="muted small">{CHANGE_WORDS[change]}</span>;
}

function Side({ run, answer }: { run: string; answer: ShownAnswer | null }) {
  const matched = answer !== null && 'match' in answer && answer.match;
  const failed = answer !== null && 'error' in answer;
  return (
    <div class="side">
      <p class="side-run small muted">{run}</p>
      <p class={matched ? 'side-match' : failed ? 'side-error' : undefined}>{answerWords(answer)}</p>
      {answer !== null && 'description' in answer && <p class="small anywhere">{answer.description}</p>}
    </div>
  );
}
