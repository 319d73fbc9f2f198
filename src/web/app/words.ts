import type { FailureKind } from '../../shared/types.ts';
import type { ActionName, ShownState } from '../api.ts';

/** Weight that a state is shown with. `quiet`: nothing to do about it. */
export type Tone = 'quiet' | 'live' | 'match' | 'error' | 'block';

export const STATES: Record<ShownState, { word: string; tone: Tone; says: string }> = {
  planning: { word: 'planning', tone: 'live', says: 'It looks at the source and tries the model.' },
  running: { word: 'running', tone: 'live', says: 'Pictures are being asked about.' },
  paused: { word: 'paused', tone: 'block', says: 'It asks nothing until somebody lets it go on.' },
  blocked: { word: 'blocked', tone: 'block', says: 'It waits until something is mended.' },
  interrupted: {
    word: 'interrupted',
    tone: 'block',
    says: 'It has not ended, and no worker is at it now. What is shown is its last record.',
  },
  complete: { word: 'complete', tone: 'quiet', says: 'Every question of every picture has its answer.' },
  incomplete: { word: 'answers missing', tone: 'error', says: 'It has ended, and some answers are missing.' },
  cancelled: { word: 'cancelled', tone: 'quiet', says: 'It was cancelled; what was answered is kept.' },
  failed: { word: 'failed', tone: 'error', says: 'It failed; what was answered is kept.' },
};

/** States in which a run may still change by itself. */
export const isLive = (state: ShownState): boolean =>
  state === 'planning' || state === 'running' || state === 'paused' || state === 'blocked';

/** Why a question has no answer, in a few words. */
export const KINDS: Record<FailureKind, string> = {
  RateLimited: 'the limit was used up, again and again',
  SlowDown: 'the provider asked to slow down',
  ProviderError: 'the provider had an error',
  Timeout: 'no answer in time',
  UrlUnreachable: 'the provider could not fetch the picture',
  OutputTruncated: 'the answer was cut off',
  InvalidAnswer: 'the answer was not of the agreed form',
  PictureNotSeen: 'the model did not get to see the picture',
  PictureUnreadable: 'the picture could not be read',
  Blocked: 'the run was blocked',
  RequestTooLarge: 'the request was too large',
  InvalidImage: 'the file is no picture that the model takes',
  NoVision: 'the model takes no pictures',
  Refused: 'the model declined to answer',
  ContextTooLong: 'picture and question are too long for the model',
  PictureGone: 'the picture is no longer there',
  PictureChanged: 'the picture was changed during the run',
  Unclassified: 'an error of no known kind',
  Lost: 'the worker was lost while it asked',
  Purged: 'the picture was purged',
};

export const ACTIONS: Record<ActionName, string> = {
  pause: 'Pause',
  resume: 'Resume',
  cancel: 'Cancel',
  retry: 'Ask the failed ones again',
};
