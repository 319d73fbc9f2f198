/**
 * What may be shown, logged or stored of a text that others wrote: error messages, names of pictures, answers.
 * Pure, and linear in the text's length.
 */

const ESC = String.fromCharCode(0x1b);
const CSI = String.fromCharCode(0x9b);
const BEL = String.fromCharCode(0x07);

/** Terminal commands: CSI (`ESC [ … m`), OSC (`ESC ] … BEL`, titles and links) and the two-character rest. */
const TERMINAL_COMMANDS = new RegExp(
  [
    `(?:${ESC}\\[|${CSI})[0-?]*[ -/]*[@-~]`,
    `${ESC}[\\]PX^_][^${BEL}${ESC}]*(?:${BEL}|${ESC}\\\\)?`,
    `${ESC}[ -/]*[0-~]`,
  ].join('|'),
  'g',
);

/** Line and paragraph ends become a space: one message is one line. */
const LINE_ENDS = /[\t\n\v\f\r\u2028\u2029]+/g;

/** Control characters, characters that turn the reading direction round, the byte-order mark and tag characters. */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

const LONE_SURROGATES = /\p{Cs}/gu;

/**
 * `text` on one line, without control, terminal and direction-override characters, cut at `max` UTF-16 units with an
 * ellipsis. Joiners stay: Telugu and emoji need them. Redacts nothing.
 */
export function plain(text: string, max: number): string {
  const clean = text
    .replace(TERMINAL_COMMANDS, '')
    .replace(LINE_ENDS, ' ')
    .replace(UNPRINTABLE, '')
    .replace(LONE_SURROGATES, '\ufffd');
  if (clean.length <= max) return clean;
  return `${clean.slice(0, Math.max(0, max - 1)).replace(LONE_SURROGATES, '')}…`;
}

/** What JSON leaves as it is and a terminal acts on. JSON itself escapes the control characters below U+0020. */
const UNESCAPED =
  /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|\udb40[\udc00-\udc7f]/g;

/** JSON text, in which such characters can only stand inside strings, with them escaped: it parses to the same. */
export function printableJson(json: string): string {
  return json.replace(UNESCAPED, (found) =>
    Array.from({ length: found.length }, (_, i) => escaped(found, i)).join(''),
  );
}

const escaped = (text: string, at: number): string =>
  `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;

const REDACTED = '[redacted]';

/** Names of query parameters that carry a credential (V2, V4 and AWS-like signing, CloudFront, Azure SAS, tokens). */
const SECRET_PARAMETER =
  'X-(?:Goog|Amz)-[A-Za-z-]{1,40}|Signature|GoogleAccessId|AWSAccessKeyId|Key-Pair-Id|Policy|sig|' +
  'access_token|upload_id|token|api[_-]?key|key';

const SECRET_QUERY = new RegExp(`\\b(?:${SECRET_PARAMETER})(?:=|%3D)`, 'i');

/**
 * In order: what is taken out, and what stands in its place. Wherever a repetition is followed by something that must
 * stand there, it is bounded or ends at another character: a search from each place to the end would be quadratic.
 */
const RULES: readonly (readonly [RegExp, string | ((...groups: string[]) => string)])[] = [
  [/-----BEGIN [A-Z ]+-----[^-]*(?:-----END [A-Z ]+-----)?/g, REDACTED],
  [
    /(data:[\w.+/-]{0,80};base64,)([\w+/=%-]*)/gi,
    (_all, start, data) => `${start ?? ''}[${(data ?? '').length} characters]`,
  ],
  [/(\bhttps?:\/\/)[^\s/@"'<>]{1,300}@/gi, `$1`],
  [
    /(\bhttps?:\/\/[^\s"'<>?]{1,4000}\?)([^\s"'<>]*)/gi,
    (all, address = '', query = '') => (SECRET_QUERY.test(query) ? address + REDACTED : all),
  ],
  // The same parameters outside a whole URL: a cut, escaped or wrapped one.
  [new RegExp(`((?:\\b|%26|u0026)(?:${SECRET_PARAMETER})(?:=|%3D))[^\\s"'<>&\\\\]+`, 'gi'), `$1${REDACTED}`],
  [/\b(authorization["']?\s{0,3}[:=]\s{0,3}["']?)(?:bearer\s+|basic\s+)?[^\s"',}]+/gi, `$1${REDACTED}`],
  [/\bbearer\s+[\w.~+/=*-]{8,}/gi, `Bearer ${REDACTED}`],
  // OpenAI repeats a wrong key's first and last characters.
  [/(\bAPI key provided: )\S+/gi, `$1${REDACTED}`],
  [/\bsk-[\w*-]{3,}/g, REDACTED],
  [/\bya29\.[\w.-]+/g, REDACTED],
  [/\beyJ[\w-]{8,2000}\.[\w-]+(?:\.[\w-]*)?/g, REDACTED],
  // What is left of a signature or of a picture's bytes, wherever it was torn from.
  [/[0-9a-f]{96,}/gi, REDACTED],
  [/[\w+/=-]{300,}/g, (all) => `[${all.length} characters]`],
];

/**
 * `text` for a log, an error message, a result or a terminal: without signed URLs' queries, credentials in headers,
 * keys, a data URL's bytes and the given `secrets`, in the form that {@link plain} gives.
 *
 * @param secrets Values that must not appear (the API key); also found where they are percent-encoded. Those under
 *   six characters are ignored, because they would tear holes into ordinary words.
 */
export function redact(text: string, secrets: readonly string[] = [], max = 1_000): string {
  // First, so that a control character inside a secret does not hide it.
  let result = plain(text, text.length);
  for (const secret of secrets) {
    if (secret.length < 6) continue;
    for (const form of new Set([secret, encodeURIComponent(secret), secret.trim()])) {
      result = result.split(form).join(REDACTED);
    }
  }
  // Far more than is shown, and little enough that a server's megabytes cost nothing.
  result = result.slice(0, 64_000);
  for (const [pattern, replacement] of RULES) {
    result =
      typeof replacement === 'string'
        ? result.replace(pattern, replacement)
        : result.replace(pattern, replacement);
  }
  return plain(result, max);
}
