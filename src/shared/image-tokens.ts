import type { Detail } from './types.ts';

/** How a family of models turns pixels into tokens. */
type Family =
  /** Squares of 32 pixels, at most `budget` of them, each times `multiplier`. */
  | { kind: 'patches'; budget: number; multiplier: number }
  /** Squares of 512 pixels after scaling, plus a base. */
  | { kind: 'tiles'; base: number; tile: number };

const patches = (budget: number, multiplier: number): Family => ({ kind: 'patches', budget, multiplier });
const tiles = (base: number, tile: number): Family => ({ kind: 'tiles', base, tile });

/**
 * Families by the beginning of a model's name; the longest that fits holds.
 * Source: OpenAI's guide "Images and vision", section "Calculating costs"; the multiplier 1.2 and the budget of 2,500
 * for the newest families are what users measured.
 */
const FAMILIES: Record<string, Family> = {
  'gpt-4o': tiles(85, 170),
  'chatgpt-4o': tiles(85, 170),
  'gpt-4o-mini': tiles(2833, 5667),
  'gpt-4.1': tiles(85, 170),
  'gpt-4.1-mini': patches(1536, 1.62),
  'gpt-4.1-nano': patches(1536, 2.46),
  'gpt-4.5': tiles(85, 170),
  'gpt-5': tiles(70, 140),
  'gpt-5.1': tiles(70, 140),
  'gpt-5-mini': patches(1536, 1.62),
  'gpt-5-nano': patches(1536, 2.46),
  'gpt-5.2': patches(1536, 1.2),
  'gpt-5.4': patches(2500, 1.2),
  'gpt-5.4-mini': patches(1536, 1.62),
  'gpt-5.4-nano': patches(1536, 2.46),
  'gpt-5.5': patches(2500, 1.2),
  'gpt-5.6': patches(2500, 1.2),
  'gpt-6': patches(2500, 1.2),
  o1: tiles(75, 150),
  o3: tiles(75, 150),
  'o4-mini': patches(1536, 1.72),
};

/** An unknown name is most often a model newer than this table, so it is counted as the newest family. */
const FALLBACK: Family = patches(2500, 1.2);

/** What `detail: low` shows a patch model: the picture fitted into 512 × 512. */
const LOW_DETAIL_SIDE = 512;

/**
 * Tokens that a picture of `width` × `height` pixels is charged for. `auto` is counted as `high`, which is the dearer.
 *
 * An estimate from the documented formulas: it does not know a server that counts otherwise (compare `usage`).
 */
export function imageTokens(model: string, detail: Detail, width: number, height: number): number {
  const family = familyOf(model);
  if (family.kind === 'tiles') {
    return detail === 'low' ? family.base : family.base + family.tile * tileCount(width, height);
  }
  const [w, h] = detail === 'low' ? fitted(width, height, LOW_DETAIL_SIDE) : [width, height];
  return Math.ceil(patchCount(w, h, family.budget) * family.multiplier);
}

/** Squares of 32 pixels that cover the picture, after it was shrunk so that there are at most `budget`. */
export function patchCount(width: number, height: number, budget: number): number {
  const needed = Math.ceil(width / 32) * Math.ceil(height / 32);
  if (needed <= budget) return needed;
  const shrink = Math.sqrt((1024 * budget) / (width * height));
  const across = (width * shrink) / 32;
  const down = (height * shrink) / 32;
  // A second, smaller step, so that one side ends on a whole patch and the sum stays within the budget.
  const scale = shrink * Math.min(wholeShare(across), wholeShare(down));
  // Floored pixels; the small addition undoes a rounding error that would cost a whole row.
  const w = Math.max(1, Math.floor(width * scale + 1e-6));
  const h = Math.max(1, Math.floor(height * scale + 1e-6));
  return Math.min(budget, Math.ceil(w / 32) * Math.ceil(h / 32));
}

/** Squares of 512 pixels after fitting into 2,048 × 2,048 and shrinking the short side to 768. Never enlarged. */
export function tileCount(width: number, height: number): number {
  const [w, h] = fitted(width, height, 2048);
  const shrink = Math.min(1, 768 / Math.min(w, h));
  return Math.ceil((w * shrink) / 512 - 1e-9) * Math.ceil((h * shrink) / 512 - 1e-9);
}

/**
 * Tokens that the provider charges against the limit when it admits a call: the larger of the output cap and the
 * text's estimate (four characters a token), and an allowance for the picture. It is not what is billed.
 */
export function admissionTokens(call: {
  textChars: number;
  imageTokens: number;
  maxOutputTokens: number;
}): number {
  return Math.max(call.maxOutputTokens, textTokens(call.textChars)) + call.imageTokens;
}

/** The provider's own rough estimate of a text's tokens. */
export const textTokens = (chars: number): number => Math.ceil(chars / 4);

/** Whether the table has a formula for the model; a server of another maker may charge by another one. */
export const knowsImageTokens = (model: string): boolean => documentedFamily(model) !== undefined;

const familyOf = (model: string): Family => documentedFamily(model) ?? FALLBACK;

function documentedFamily(model: string): Family | undefined {
  const name = model.toLowerCase();
  const prefixes = Object.keys(FAMILIES).filter((prefix) => startsFamily(name, prefix));
  const longest = prefixes.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : FAMILIES[longest];
}

/** `gpt-5` begins `gpt-5-2025-08-07` but not `gpt-5.9`, which is a family of its own. */
const startsFamily = (name: string, prefix: string): boolean =>
  name.startsWith(prefix) && (name.length === prefix.length || name[prefix.length] === '-');

function fitted(width: number, height: number, side: number): [number, number] {
  const shrink = Math.min(1, side / Math.max(width, height));
  return [width * shrink, height * shrink];
}

/** The share of a length in patches that is whole; 1 for a length below one patch, which cannot be shortened. */
const wholeShare = (length: number): number => (length < 1 ? 1 : Math.floor(length) / length);
