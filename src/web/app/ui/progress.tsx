import { percent, shareOf } from '../format.ts';

/** How much of a whole is done, and how much of it failed. The figures stand beside it, in words. */
export function Progress(props: { label: string; done: number; failed?: number; total: number }) {
  const { done, failed = 0, total, label } = props;
  const [good, bad] = [shareOf(done, total), shareOf(failed, total)];
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor((good + bad) * 100)}
      aria-valuetext={`${percent(good)} answered${failed > 0 ? `, ${percent(bad)} failed` : ''}`}
    >
      <span class="progress-done" style={{ width: `${good * 100}%` }} />
      {/* A failure among thousands is still to be seen. */}
      {failed > 0 && <span class="progress-failed" style={{ width: `max(3px, ${bad * 100}%)` }} />}
    </div>
  );
}

/** Share of a row beside its figure; says nothing that the figure does not. */
export function Bar({ share }: { share: number }) {
  return (
    <span class="bar" aria-hidden="true">
      <span class="bar-part" style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
    </span>
  );
}
