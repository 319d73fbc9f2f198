import { plain } from '../../shared/redact.ts';

/** Text that is HTML already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[];

/** HTML of a template. Whatever is put into it is text on one line, unless it is {@link Markup} itself. */
export const markup = (strings: TemplateStringsArray, ...values: Value[]): Markup =>
  new Markup(strings.map((string, at) => string + markupOf(values[at] ?? '')).join(''));

function markupOf(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escaped(String(value));
}

/** Longer than any text of a run. */
const LONGEST = 32_000;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escaped = (text: string): string =>
  plain(text, LONGEST).replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
