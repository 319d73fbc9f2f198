import type { FailureKind } from './types.ts';

/** Which pictures of a run are wanted, and in what order. Every field is optional; all that are given must hold. */
export interface PictureQuery {
  /** Prompt id that `match`, `count` and `error` are about; without it they hold for any prompt. */
  prompt?: string;
  match?: 'yes' | 'no';
  /** Matched with at least this count, 1 or more. */
  count?: number;
  /** Without an answer: for this reason, for any (`any`), or not asked yet (`unasked`). */
  error?: FailureKind | 'any' | 'unasked';
  camera?: string;
  /** Civil day of the name, `2025-11-25`. */
  day?: string;
  /** Civil hour of the name, 0 to 23. */
  hour?: number;
  /** In the name or in a description, whatever the case. */
  text?: string;
  /** `name` by default; `time` is the one in the name; `count` is the largest count, of the prompt if one is given. */
  sort?: PictureSort;
}

export type PictureSort = 'name' | '-name' | 'time' | '-time' | 'count' | '-count';
