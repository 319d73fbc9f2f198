import { invalidRequest, type ApiError } from './errors.ts';

/** Models that the simulator serves unless told otherwise. */
export const SERVED_MODELS: readonly string[] = [
  'gpt-4o',
  'gpt-4o-mini',
  'gpt-4.1',
  'gpt-4.1-mini',
  'gpt-5-mini',
  'gpt-5-nano',
  'gpt-5.4-mini',
  'gpt-5.4-nano',
  'gpt-6-luna',
];

/** Efforts that a model takes; none where it does not reason. */
function effortsOf(model: string): string[] {
  if (/^o\d/.test(model)) return ['low', 'medium', 'high'];
  if (/^gpt-5(-|$)/.test(model)) return ['minimal', 'low', 'medium', 'high'];
  return /^gpt-(5\.|6)/.test(model) ? ['none', 'low', 'medium', 'high', 'xhigh'] : [];
}

/** Parameters that a reasoning model takes and another does not, or the other way round; `null` when all fit. */
export function unsupportedParameter(
  model: string,
  used: { effort: string | null; effortParam: string; temperature: boolean; maxTokens: boolean },
): ApiError | null {
  const efforts = effortsOf(model);
  const unsupported = (param: string, hint = ''): ApiError =>
    invalidRequest(
      `Unsupported parameter: '${param}' is not supported with this model.${hint}`,
      param,
      'unsupported_parameter',
    );
  if (used.effort !== null && efforts.length === 0) return unsupported(used.effortParam);
  if (used.effort !== null && !efforts.includes(used.effort)) {
    return invalidRequest(
      `Unsupported value: '${used.effort}' is not supported with the '${model}' model. Supported values are: ` +
        `${efforts.map((effort) => `'${effort}'`).join(', ')}.`,
      used.effortParam,
      'unsupported_value',
    );
  }
  if (efforts.length > 0 && used.maxTokens) {
    return unsupported('max_tokens', " Use 'max_completion_tokens' instead.");
  }
  return efforts.length > 0 && !efforts.includes('none') && used.temperature
    ? unsupported('temperature')
    : null;
}
