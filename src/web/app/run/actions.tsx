import { useState } from 'preact/hooks';
import type { Retry } from '../../../shared/types.ts';
import type { ActionDone, ActionName, RunDetail } from '../../api.ts';
import { post, type ProblemError } from '../api-client.ts';
import { count, counted } from '../format.ts';
import { asProblem } from '../hooks.ts';
import { Button, Command } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { announce } from '../ui/live-region.tsx';
import { ErrorState } from '../ui/states.tsx';
import { ACTIONS } from '../words.ts';
import { offered } from './offered.ts';

/** Pause, resume, cancel, ask again: as buttons where the page can do it, else why not and the command that does it. */
export function Actions({ run }: { run: RunDetail }) {
  const [busy, setBusy] = useState<ActionName | null>(null);
  const [asked, setAsked] = useState<'cancel' | 'retry' | null>(null);
  const [said, setSaid] = useState('');
  const [error, setError] = useState<ProblemError | null>(null);
  const { buttons, elsewhere } = offered(run);

  const act = async (name: ActionName, retry?: Retry): Promise<void> => {
    setAsked(null);
    setBusy(name);
    setError(null);
    setSaid('');
    try {
      const done = await post<ActionDone>(`/api/runs/${encodeURIComponent(run.run)}/${name}`, retry);
      setSaid(done.said);
      announce(done.said);
    } catch (refused) {
      setError(asProblem(refused));
    }
    setBusy(null);
  };

  if (buttons.length + elsewhere.length === 0 && said === '' && error === null) return null;
  return (
    <section class="actions" aria-label="What you can do">
      {buttons.length > 0 && (
        <div class="row">
          {buttons.map(({ name }) => (
            <Button
              key={name}
              kind={name === 'cancel' ? 'danger' : name === 'resume' ? 'primary' : 'plain'}
              busy={busy === name}
              disabled={busy !== null && busy !== name}
              onClick={() => (name === 'cancel' || name === 'retry' ? setAsked(name) : void act(name))}
            >
              {ACTIONS[name]}
            </Button>
          ))}
        </div>
      )}
      {said !== '' && <p class="small">{said}</p>}
      {error !== null && <ErrorState error={error} />}
      {elsewhere.length > 0 && (
        <ul class="elsewhere">
          {elsewhere.map(({ name, why, command }) => (
            <li key={name} class="stack-s">
              <p class="small">
                <strong>{ACTIONS[name]}:</strong> {why}
              </p>
              {command !== '' && <Command line={command} />}
            </li>
          ))}
        </ul>
      )}
      {asked === 'cancel' && (
        <CancelDialog run={run} onClose={() => setAsked(null)} onYes={() => void act('cancel')} />
      )}
      {asked === 'retry' && (
        <RetryDialog run={run} onClose={() => setAsked(null)} onYes={(retry) => void act('retry', retry)} />
      )}
    </section>
  );
}

function CancelDialog(props: { run: RunDetail; onClose: () => void; onYes: () => void }) {
  const { run } = props;
  const left = Math.max(0, run.questions - run.answered - run.failed);
  return (
    <Dialog title="Cancel the run?" onClose={props.onClose}>
      <p>
        {counted(left, 'question')} {left === 1 ? 'is' : 'are'} not asked then. Every answer so far is kept,
        and the run can be resumed later.
      </p>
      <div class="dialog-buttons">
        <Button onClick={props.onClose}>Let it run</Button>
        <Button kind="danger" onClick={props.onYes}>
          Cancel the run
        </Button>
      </div>
    </Dialog>
  );
}

function RetryDialog(props: { run: RunDetail; onClose: () => void; onYes: (retry: Retry) => void }) {
  const { run } = props;
  const refused = run.errors.find(({ kind }) => kind === 'Refused')?.questions ?? 0;
  const others = run.failed - refused;
  const [also, setAlso] = useState(others <= 0);
  const asked = others + (also ? refused : 0);
  return (
    <Dialog title="Ask the failed ones again?" onClose={props.onClose}>
      <p>
        {counted(others, 'question')} failed for a reason that may have passed. Asking again is paid like any
        other call; answers that are there are not asked again.
      </p>
      {refused > 0 && (
        <label class="check">
          <input
            type="checkbox"
            checked={also}
            onChange={({ currentTarget }) => setAlso(currentTarget.checked)}
          />
          <span>Also the {count(refused)} that the model declined to answer</span>
        </label>
      )}
      <div class="dialog-buttons">
        <Button onClick={props.onClose}>Leave them</Button>
        <Button
          kind="primary"
          disabled={asked === 0}
          onClick={() => props.onYes(also ? { refused: true } : {})}
        >
          Ask {counted(asked, 'question')} again
        </Button>
      </div>
    </Dialog>
  );
}
