import type { FailureKind, Prompt, PromptResult } from '../../shared/types.ts';

/** A picture's answer as a list shows it. Absent: not asked yet. */
export type ShownAnswer = { match: boolean; count: number; description: string } | { error: FailureKind };

export interface PictureRow {
  /** Its place in the run's own order, from 0: page × 1,000 + index. */
  at: number;
  name: string;
  /** From the name; `null` where it tells none. */
  camera: string | null;
  /** Civil time of the name, `2025-11-25T11:21:43`; `null` where it tells none. */
  time: string | null;
  /** By prompt id. */
  answers: Record<string, ShownAnswer>;
}

export interface Searched {
  /** Pictures looked at so far. */
  searched: number;
  of: number;
  found: number;
}

/** All that a run has recorded of one picture. */
export interface PictureRecord {
  at: number;
  name: string;
  camera: string | null;
  time: string | null;
  uri: string;
  identity: string;
  bytes: number;
  batch: number;
  /** ISO 8601, UTC; `null` while nothing was asked. */
  startedAt: string | null;
  endedAt: string | null;
  /** In the plan's order. `null`: not asked yet. */
  answers: { prompt: Prompt; outcome: PromptResult | null }[];
}

/** Where a picture stands among those that a query finds; all `null` when it is not among them. */
export interface Neighbours {
  /** Places of the picture before and after it; `null` at the ends. */
  previous: number | null;
  next: number | null;
  /** From 0. */
  rank: number | null;
  total: number;
}

/** How pictures stand behind one cell. */
export interface Cell {
  /** Pictures with an answer to the prompt. */
  answered: number;
  matches: number;
}

export interface Summary {
  version: string;
  prompts: {
    id: string;
    name: string;
    answered: number;
    matches: number;
    /** Sum of the counts of the matching pictures. */
    counted: number;
    failed: number;
    unasked: number;
  }[];
  /** Most pictures first; the name `null` gathers pictures whose name tells none. */
  cameras: { camera: string | null; pictures: number; cells: Record<string, Cell> }[];
  /** Hours that have pictures, in order; `null` gathers those without a time. */
  hours: { hour: number | null; pictures: number; cells: Record<string, Cell> }[];
  days: { day: string | null; pictures: number; cells: Record<string, Cell> }[];
}

/** From the left run to the right one: the match appeared, is gone, or has another count; or one side has no answer. */
export type Change = 'same' | 'appeared' | 'gone' | 'count' | 'newly failed' | 'newly answered';

/** Two runs' pictures side by side. */
export interface PictureComparison {
  /** Prompts that both have by id; `textChanged`: their words differ. Questions that the right run has not asked yet count nowhere. */
  prompts: { id: string; name: string; textChanged: boolean; changes: Record<Change, number> }[];
  /** Prompt ids of one side alone. */
  onlyLeft: string[];
  onlyRight: string[];
  pictures: { both: number; onlyLeft: number; onlyRight: number };
  /** Pictures of both, by name, that have a change (or all); a page of them. */
  total: number;
  from: number;
  rows: ComparedRow[];
}

export interface ComparedRow {
  name: string;
  /** Places in the two runs. */
  left: number;
  right: number;
  /** Whether both saw the very same content. */
  sameContent: boolean;
  /** By id of a prompt that both have and the right run has asked. `null`: not asked. */
  answers: Record<string, { change: Change; left: ShownAnswer | null; right: ShownAnswer | null }>;
}
