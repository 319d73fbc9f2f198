import type { ComponentChildren } from 'preact';
import type { Block } from '../../../shared/types.ts';
import { dateTime, roughly } from '../format.ts';
import { useNow } from '../hooks.ts';
import { Button, Command } from './button.tsx';

/** Nothing is there, and why, and what to do about it. */
export function EmptyState(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** What went wrong, with the command that mends it or does what the page cannot do now. */
export function ErrorState(props: {
  error: { message: string; command?: string | undefined };
  retry?: (() => void) | undefined;
}) {
  return (
    <div class="notice notice-error" role="alert">
      <p class="notice-title">{props.error.message}</p>
      {props.error.command !== undefined && <Command line={props.error.command} />}
      {props.retry && <Button onClick={props.retry}>Try again</Button>}
    </div>
  );
}

/** Something to know, with or without a tone. */
export function Notice(props: { title: string; tone?: 'block' | 'error'; children?: ComponentChildren }) {
  return (
    <div class={`notice ${props.tone === undefined ? '' : `notice-${props.tone}`}`}>
      <p class="notice-title">{props.title}</p>
      {props.children}
    </div>
  );
}

/** Why a run waits for a person, and what to do. */
export function BlockedBanner({ block }: { block: Block }) {
  const now = useNow(10_000);
  return (
    <section class="notice notice-block" aria-label="Blocked">
      <p class="notice-title">Blocked: {block.reason}</p>
      <p>{block.remedy}</p>
      <p class="small">
        Since <time dateTime={block.since}>{dateTime(block.since)}</time>
        {block.until !== undefined && `; asks nothing before ${dateTime(block.until)}`}
        {block.nextProbeAt !== undefined && `; ${nextProbe(block.nextProbeAt, now)}`}.
      </p>
    </section>
  );
}

function nextProbe(at: string, now: number): string {
  const left = Date.parse(at) - now;
  return left <= 0 ? 'tries again now' : `tries again by itself in ${roughly(left)}`;
}

/** Grey lines in place of what is being loaded. */
export function Skeleton({ lines = 3, what }: { lines?: number; what: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading {what}</span>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} class="skeleton-line" aria-hidden="true" />
      ))}
    </div>
  );
}
