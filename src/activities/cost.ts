import { calcPrice } from '@pydantic/genai-prices';
import type { Counts, Plan } from '../shared/types.ts';

/**
 * What a run's tokens cost in US dollars, by the kept price table of `@pydantic/genai-prices`: list prices, without
 * discounts, as good as the table's date. A simulated run costs nothing. `unknown` for a model or a server that the
 * table does not have, never zero. Tokens of answers that do not count are priced as input, which most of them are.
 */
export function costOf(
  plan: { model: string; account: Plan['account'] },
  counts: Counts,
): number | 'unknown' {
  if (plan.account.simulated) return 0;
  if (plan.account.endpoint !== 'api.openai.com') return 'unknown';
  const usage = {
    input_tokens: counts.inputTokens + counts.discardedTokens,
    cache_read_tokens: counts.cachedTokens,
    output_tokens: counts.outputTokens,
  };
  const price = calcPrice(usage, plan.model, { providerId: plan.account.provider });
  return price === null ? 'unknown' : Number(price.total_price.toFixed(4));
}
