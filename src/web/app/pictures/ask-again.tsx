import { useState } from 'preact/hooks';
import type { ActionDone, PictureDetail } from '../../api.ts';
import type { Retry } from '../../../shared/types.ts';
import { post, type ProblemError } from '../api-client.ts';
import { counted } from '../format.ts';
import { asProblem } from '../hooks.ts';
import { Button, Command } from '../ui/button.tsx';
import { announce } from '../ui/live-region.tsx';
import { ErrorState, Notice } from '../ui/states.tsx';
import { server } from './addresses.ts';
import { missingOf } from './missing.ts';

/** Asks the questions again that have no answer; where the page cannot, the command that does. */
export function AskAgain({ run, picture }: { run: string; picture: PictureDetail }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const [error, setError] = useState<ProblemError | null>(null);
  const { failed, refused } = missingOf(picture.answers);
  if (failed === 0) return null;
  const { retry } = picture;

  const ask = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    const body: Retry = { only: [picture.identity], ...(refused > 0 && { refused: true }) };
    try {
      const done = await post<ActionDone>(server.retry(run), body);
      setSaid(done.said);
      announce(done.said);
    } catch (problem) {
      setError(asProblem(problem));
    } finally {
      setBusy(false);
    }
  };

  return (
    <div class="stack-s">
      {said !== null ? (
        <Notice title={said} />
      ) : retry.possible ? (
        <div>
          <Button busy={busy} onClick={() => void ask()}>
            Ask again: {counted(failed, 'question')}
          </Button>
          {refused > 0 && (
            <p class="small muted">
              The model declined {refused === failed ? 'to answer' : `${refused} of them`}; it may decline
              again.
            </p>
          )}
        </div>
      ) : (
        <Notice title={retry.why}>
          <p>This asks the questions again:</p>
          <Command line={retry.command} />
        </Notice>
      )}
      {error !== null && <ErrorState error={error} />}
    </div>
  );
}
