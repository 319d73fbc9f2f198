import { admissionTokens, knowsImageTokens, textTokens } from '../shared/image-tokens.ts';
import type { ImageRef, Plan, Prompt } from '../shared/types.ts';
import { type ExpectedCharge, SCHEMA_CHARS } from './answer.ts';
import type { ModelReply } from './ports.ts';
import type { PreparedPicture } from './prepare-picture.ts';
import type { TextTokens } from './text-tokens.ts';

/** What the calls of one question cost in tokens, before and after their answer. */
export interface Charges {
  /** Calls that the provider should charge alike. */
  kind(picture: PreparedPicture): string;
  /** What the provider charges the call when it lets it in, as far as that is documented. */
  formula(picture: PreparedPicture, maxOutputTokens: number): number;
  /** What `usage` should show when the model saw the picture. */
  expected(picture: PreparedPicture): ExpectedCharge;
  /** A bill came. Of a picture that went by URL it tells the size: what is not its text. */
  learnSize(picture: PreparedPicture, reply: ModelReply): void;
  /** The bill was for an answer that counts: what it holds beside a picture of known size is the question's text. */
  learnText(picture: PreparedPicture, reply: ModelReply): void;
}

export function createCharges(
  known: {
    /** What questions cost without their picture, and what pictures cost whose size is not known. */
    textTokens: TextTokens;
    pictureTokens: TextTokens;
  },
  { plan, image, prompt }: { plan: Plan; image: ImageRef; prompt: Prompt },
): Charges {
  const textChars = plan.instructions.length + prompt.text.length + SCHEMA_CHARS;
  const sizeKey = `${plan.model} ${plan.detail} ${image.identity}`;
  const textKey = (tokens: number): string => `${plan.run} ${prompt.id} ${tokens}`;

  return {
    kind: ({ imageTokens }) => [plan.model, plan.detail, imageTokens ?? 'url', textChars].join(' '),

    formula(picture, maxOutputTokens) {
      // By its size, by what an earlier call was billed for it, or as the first picture.
      const imageTokens = picture.imageTokens ?? known.pictureTokens.known(sizeKey) ?? plan.imageTokens;
      return admissionTokens({ textChars, imageTokens, maxOutputTokens });
    },

    expected({ imageTokens }) {
      if (!knowsImageTokens(plan.model)) return { textChars, imageTokens: null, learnedTextTokens: null };
      if (imageTokens === null) {
        // The size is a guess, so half of it is expected: a smaller picture is no reason for alarm.
        return { textChars, imageTokens: plan.imageTokens / 2, learnedTextTokens: null };
      }
      return { textChars, imageTokens, learnedTextTokens: known.textTokens.known(textKey(imageTokens)) };
    },

    learnSize({ imageTokens }, { usage }) {
      if (imageTokens !== null || usage === null) return;
      known.pictureTokens.learn(sizeKey, Math.max(0, usage.inputTokens - textTokens(textChars)));
    },

    learnText({ imageTokens }, { usage }) {
      if (imageTokens === null || usage === null) return;
      known.textTokens.learn(textKey(imageTokens), usage.inputTokens - imageTokens);
    },
  };
}
