import type { Action, ActionName, RunDetail, ShownState } from '../../api.ts';

/** States in which an action means something: what means nothing is neither offered nor excused. */
const MEANS_SOMETHING: Record<ActionName, readonly ShownState[]> = {
  pause: ['planning', 'running', 'blocked'],
  resume: ['paused', 'blocked', 'interrupted', 'cancelled', 'failed', 'incomplete'],
  cancel: ['planning', 'running', 'paused', 'blocked', 'interrupted'],
  retry: ['running', 'paused', 'blocked', 'incomplete', 'cancelled', 'failed', 'interrupted'],
};

/** What a run's page offers to do, and what it says cannot be done here now, with the command that does it. */
export function offered(run: Pick<RunDetail, 'state' | 'failed' | 'actions'>): {
  buttons: Action[];
  elsewhere: Action[];
} {
  const meant = run.actions.filter(
    ({ name }) => MEANS_SOMETHING[name].includes(run.state) && (name !== 'retry' || run.failed > 0),
  );
  return {
    buttons: meant.filter(({ possible }) => possible),
    elsewhere: meant.filter(({ possible }) => !possible),
  };
}
