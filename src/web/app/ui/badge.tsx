import type { ComponentChildren } from 'preact';
import type { ShownState } from '../../api.ts';
import { count } from '../format.ts';
import { STATES, type Tone } from '../words.ts';

/** A word with a mark; the mark's shape differs by tone, so that colour is never all that tells them apart. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <span class={`badge badge-${tone}`}>
      <span class="badge-mark" aria-hidden="true" />
      {children}
    </span>
  );
}

export function StateBadge({ state }: { state: ShownState }) {
  const { word, tone } = STATES[state];
  return <Badge tone={tone}>{word}</Badge>;
}

/** What matched, with how many: `Pothole Detection 6`. */
export function MatchBadge({ name, n }: { name: string; n?: number }) {
  return (
    <span class={n === 0 ? 'match match-none' : 'match'}>
      <span class="match-name">{name}</span>
      {n !== undefined && <span class="match-count">{count(n)}</span>}
    </span>
  );
}

/** Answers that no model gave are never taken for real ones. */
export function SimulatedBadge() {
  return (
    <span class="badge badge-simulated" title="No model looked at the pictures; every answer is made up.">
      simulated
    </span>
  );
}
