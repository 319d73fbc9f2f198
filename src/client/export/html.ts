import { createHash } from 'node:crypto';
import { questionsOf } from '../../shared/counts.ts';
import { NONE, type PictureQuery } from '../../shared/picture-query.ts';
import { redact } from '../../shared/redact.ts';
import type { FailureKind } from '../../shared/types.ts';
import { isFailed, isMatch } from '../pictures/columns.ts';
import { summarize } from '../pictures/summarize.ts';
import type { PictureRecord, Summary } from '../pictures/types.ts';
import { count, of } from '../render/format.ts';
import { honestState, SIMULATED } from '../render/summary.ts';
import type { ExportInput, ThumbnailOf } from './export.ts';
import { markup, Markup } from './markup.ts';
import { STYLE } from './style.ts';

/** Thumbnails a question: with six questions some 5 MB, which a mail carries. Further matches are told in words. */
const PICTURES_A_QUESTION = 100;

type Sums = Summary['prompts'][number];

/**
 * A report that is one file: style and pictures are in it, it runs nothing and fetches nothing, so that it can be mailed.
 * By question: every match with what the model said; then the errors by kind; above them the sums.
 */
export async function* htmlOf(
  input: ExportInput,
  places: Int32Array,
): AsyncGenerator<string, void, undefined> {
  const { index, query } = input;
  const questions = summarize(index, places)
    .prompts.map((sums, number) => ({ sums, number }))
    .filter(({ sums }) => query.prompt === undefined || sums.id === query.prompt);
  yield headOf(
    input,
    places,
    questions.map(({ sums }) => sums),
  ).text;
  for (const { sums, number } of questions) yield* matchesOf(input, places, sums, number);
  yield* errorsOf(
    input,
    places,
    questions.map(({ number }) => number),
  );
  yield '</main>\n</body>\n</html>\n';
}

/** Nothing may be loaded or run, whatever the texts are; the style is named by its hash. */
const POLICY =
  `default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; ` +
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

function headOf({ run, index, query, generated }: ExportInput, places: Int32Array, sums: Sums[]): Markup {
  const { plan, progress } = run;
  const questions = questionsOf(progress?.images ?? 0, plan.prompts.length, progress?.counts ?? null);
  const state = honestState(progress?.state ?? 'planning', progress?.counts ?? null, questions);
  const facts: [string, string][] = [
    ['State', state === 'incomplete' ? 'finished, some answers are missing' : state],
    ['Source', plan.source],
    ['Model', `${plan.model}, detail ${plan.detail}`],
    ['Started', inUtc(plan.createdAt)],
    ['Pictures', `${of(places.length, index.pictures.size)}: ${inWords(query)}`],
    ['Report made', inUtc(generated.toISOString())],
  ];
  const title = `Run ${run.run}`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${plan.account.simulated ? markup`<p class="warning">${SIMULATED}</p>` : ''}
<dl>${facts.map(([label, text]) => markup`<div><dt>${label}</dt><dd>${text}</dd></div>`)}</dl>
<table>
<caption>Answers by question</caption>
<thead><tr><th scope="col">Question</th><th scope="col">Match</th><th scope="col">Counted</th><th scope="col">Answered</th><th scope="col">Failed</th><th scope="col">Not asked</th></tr></thead>
<tbody>${sums.map(
    ({ name, matches, counted, answered, failed, unasked }) => markup`
<tr><th scope="row">${name}</th>${[matches, counted, answered, failed, unasked].map((n) => markup`<td>${count(n)}</td>`)}</tr>`,
  )}
</tbody>
</table>
`;
}

async function* matchesOf(
  { index, details, thumbnail }: ExportInput,
  places: Int32Array,
  { id, name, matches }: Sums,
  number: number,
): AsyncGenerator<string, void, undefined> {
  yield markup`<section>
<h2>${name} <span class="count">${count(matches)}</span></h2>
`.text;
  if (matches === 0) {
    yield '<p>No picture matches.</p>\n</section>\n';
    return;
  }
  const matching = places.filter((at) => isMatch(index.pictures.answer(number, at)));
  if (thumbnail !== undefined && matching.length > PICTURES_A_QUESTION) {
    yield markup`<p>The first ${count(PICTURES_A_QUESTION)} are shown as pictures, the others in words.</p>
`.text;
  }
  yield `<ul class="matches">\n`;
  let shown = 0;
  for await (const picture of details.streamDetails(matching)) {
    const small = shown < PICTURES_A_QUESTION ? thumbnail : undefined;
    shown += 1;
    yield matchOf(picture, id, small === undefined ? '' : await imageOf(picture, small)).text;
  }
  yield '</ul>\n</section>\n';
}

function matchOf(picture: PictureRecord, prompt: string, image: Markup | ''): Markup {
  const outcome = picture.answers.find((answer) => answer.prompt.id === prompt)?.outcome;
  // Asked again since the index was read.
  if (outcome?.ok !== true) return markup``;
  const { count: counted, description } = outcome.result;
  const place = [picture.camera, picture.time?.replace('T', ' ')].filter((part) => part != null).join(' · ');
  return markup`<li>${image}<div><p class="name">${picture.name}</p>${place === '' ? '' : markup`<p class="place">${place}</p>`}<p><strong>${count(counted)}</strong> ${redact(description, [], 8_000)}</p></div></li>
`;
}

/** A picture that cannot be shown is no reason to have no report. */
async function imageOf(picture: PictureRecord, thumbnail: ThumbnailOf): Promise<Markup> {
  const bytes = await thumbnail(picture.at, picture).catch(() => null);
  const type = bytes === null ? null : typeOf(bytes);
  if (bytes === null || type === null) return markup`<p class="unreadable">The picture cannot be shown.</p>`;
  const data = `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
  return markup`<img alt="" src="${new Markup(data)}">`;
}

/** From the content alone. */
function typeOf(bytes: Uint8Array): string | null {
  const start = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  return start.startsWith('RIFF') && start.endsWith('WEBP') ? 'image/webp' : null;
}

/** Failed questions by kind, most first, with the pictures they hit. */
async function* errorsOf(
  { index, details }: ExportInput,
  places: Int32Array,
  numbers: readonly number[],
): AsyncGenerator<string, void, undefined> {
  const { pictures } = index;
  const byKind = new Map<FailureKind, { questions: number; places: Set<number> }>();
  for (const at of places) {
    for (const code of numbers.map((number) => pictures.answer(number, at)).filter(isFailed)) {
      const kind = pictures.kind(code);
      const group = byKind.get(kind) ?? { questions: 0, places: new Set() };
      byKind.set(kind, group);
      group.questions += 1;
      group.places.add(at);
    }
  }
  if (byKind.size === 0) return;
  yield '<section>\n<h2>Errors</h2>\n';
  for (const [kind, group] of [...byKind].sort(([, a], [, b]) => b.questions - a.questions)) {
    yield markup`<h3>${kind} <span class="count">${count(group.questions)}</span></h3>
<ul class="errors">
`.text;
    for await (const picture of details.streamDetails(group.places)) {
      yield* failuresOf(picture, kind, numbers);
    }
    yield '</ul>\n';
  }
  yield '</section>\n';
}

/** One line a message: most failures of a picture hit all of its questions. */
function* failuresOf(
  { name, answers }: PictureRecord,
  kind: FailureKind,
  numbers: readonly number[],
): Generator<string, void, undefined> {
  const byMessage = new Map<string, string[]>();
  for (const number of numbers) {
    const { prompt, outcome } = answers[number] ?? {};
    if (prompt === undefined || outcome?.ok !== false || outcome.failure.kind !== kind) continue;
    const { message } = outcome.failure;
    byMessage.set(message, [...(byMessage.get(message) ?? []), prompt.name]);
  }
  for (const [message, names] of byMessage) {
    yield markup`<li><p class="name">${name}</p><p>${names.join(', ')}: ${redact(message, [], 8_000)}</p></li>
`.text;
  }
}

/** Of a time in ISO 8601, UTC. */
const inUtc = (time: string): string => `${time.slice(0, 16).replace('T', ' ')} UTC`;

function inWords({ prompt, match, count: least, error, camera, day, hour, text }: PictureQuery): string {
  const about = prompt === undefined ? '' : ` ${prompt}`;
  const parts = [
    match === undefined ? '' : match === 'yes' ? `match${about}` : `do not match${about}`,
    least === undefined ? '' : `count ${count(least)} or more${about}`,
    error === undefined ? '' : error === 'unasked' ? `not asked yet${about}` : `error ${error}${about}`,
    camera === undefined ? '' : camera === NONE ? 'no camera in the name' : `camera ${camera}`,
    day === undefined ? '' : day === NONE ? 'no day in the name' : `day ${day}`,
    hour === undefined ? '' : hour === NONE ? 'no time in the name' : `hour ${hour}`,
    text === undefined || text === '' ? '' : `text "${text}"`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'all of them' : parts.join(', ');
}
