import { Link } from 'wouter-preact';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import type { Condition } from './filter.ts';

/** What holds now, each with the way to take it back. */
export function Conditions(props: { conditions: Condition[]; hrefOf: (query: PictureQuery) => string }) {
  if (props.conditions.length === 0) return null;
  return (
    <ul class="conditions" aria-label="What is asked for">
      {props.conditions.map(({ field, words, without }) => (
        <li key={field}>
          <Link href={props.hrefOf(without)} class="condition">
            <span class="anywhere">{words}</span>
            <span aria-hidden="true">×</span>
            <span class="visually-hidden"> (take it back)</span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
