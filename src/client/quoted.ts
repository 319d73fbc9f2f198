import { printableJson } from '../shared/redact.ts';

/** For a shell to read; what a terminal would act on is written as bash and zsh spell it, and stays one line. */
export const quoted = (text: string): string => {
  if (/^[\w./:@%+=-]+$/.test(text)) return text;
  const spelt = printableJson(JSON.stringify(text))
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'");
  return /[\\]/.test(spelt) ? `$'${spelt}'` : `'${text}'`;
};
