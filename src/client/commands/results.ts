import { resolve } from 'node:path';
import { questionsOf } from '../../shared/counts.ts';
import { type PictureQuery, PictureQueryError, parseQuery } from '../../shared/picture-query.ts';
import { printableJson } from '../../shared/redact.ts';
import { plural } from '../../shared/phrases.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createExport } from '../export/export.ts';
import type { ExportFormat } from '../export/formats.ts';
import { writeFileWhole, writeOut } from '../export/write.ts';
import { findRun, runsOf } from '../find-run.ts';
import { summaryNow } from '../look-at-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { openPictures, type PictureReader } from '../pictures/readers.ts';
import { selectWithText } from '../pictures/search.ts';
import { cut } from '../render/format.ts';
import { resultsLines } from '../render/results.ts';
import { honestState, SIMULATED } from '../render/summary.ts';
import { firstMatches, missingOf, placesMissing } from '../results-view.ts';
import { summarize } from '../pictures/summarize.ts';
import type { RecordedRun } from '../runs.ts';

export interface ResultsFlags {
  match?: string;
  missing?: boolean;
  json?: boolean;
  results?: string;
  format?: ExportFormat;
  output?: string;
  count?: string;
  error?: string;
  camera?: string;
  day?: string;
  hour?: string;
  text?: string;
}

const SHOWN_PICTURES = 5;

/** `results [RUN]`: what the pictures of a run show, question by question, or as an export. */
export async function resultsCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResultsFlags,
): Promise<number> {
  checkTogether(deps, flags);
  const recorded = await findRun(deps, name, flags.results);
  if (flags.json === true) return printFile(deps, recorded, flags);
  const reader = await openPictures(deps.openStore, recorded);
  if (reader.index.pictures.size === 0) throw noResults(deps, recorded);
  try {
    const query = queryOf(flags);
    if (flags.format !== undefined) return await exportAs(deps, recorded, reader, query, flags.format, flags);
    const places = await selectWithText(reader, query);
    if (flags.missing === true) return await printMissing(deps, recorded, reader, query, places);
    const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
    if (flags.match !== undefined) {
      const names = Array.from(places, (at) => `${cut(reader.index.pictures.name(at), 4000)}\n`);
      await writeOut(deps.terminal.out, names);
      return EXIT.ok;
    }
    const { index } = reader;
    if (recorded.plan.account.simulated) print(SIMULATED);
    const questions = summarize(index, places).prompts;
    const firsts = firstMatches(index.pictures, places, SHOWN_PICTURES);
    resultsLines(
      {
        summary: summaryNow({ recorded, live: null }, deps.now()),
        filtered: isFiltered(query) ? { found: places.length, of: index.pictures.size } : null,
        questions: questions.map((sums, number) => ({ ...sums, pictures: firsts[number] ?? [] })),
      },
      deps.terminal.columns(),
      deps.terminal.colors,
    ).forEach(print);
    print('');
    print(`All of it: ${recorded.place}/results.json`);
    return EXIT.ok;
  } catch (error) {
    throw error instanceof PictureQueryError ? wrongFilter(error) : error;
  }
}

const FILTERS = ['match', 'count', 'error', 'camera', 'day', 'hour', 'text'] as const;

function checkTogether({ terminal, calledAs }: Deps, flags: ResultsFlags): void {
  const { json, missing, format, output } = flags;
  if ([json, missing, format].filter((flag) => flag !== undefined).length > 1)
    throw new UsageError('Give one of --json, --missing and --format.');
  const filter = FILTERS.find((name) => flags[name] !== undefined);
  if (json === true && filter !== undefined)
    throw new UsageError(
      `--json gives all of results.json. For --${filter} use --format json or --format ndjson.`,
    );
  if (output !== undefined && format === undefined)
    throw new UsageError(`--output is for an export: add --format csv, html, json or ndjson.`);
  if (format === 'html' && output === undefined && terminal.interactive)
    throw new UsageError(
      `An HTML report is for a browser, not for a terminal: ${calledAs} results --format html --output report.html`,
    );
}

/** The page's own rules for its parameters hold for the flags too. */
function queryOf(flags: ResultsFlags): PictureQuery {
  const params = new URLSearchParams();
  const { match, ...others } = flags;
  if (match !== undefined) {
    params.set('prompt', match);
    params.set('match', 'yes');
  }
  for (const name of FILTERS) {
    const value = name === 'match' ? undefined : others[name];
    if (value !== undefined) params.set(name, value);
  }
  return parseQuery(params);
}

const isFiltered = (query: PictureQuery): boolean => Object.keys(query).length > 0;

function wrongFilter({ parameter, value, remedy }: PictureQueryError): UsageError {
  const flag = parameter === 'prompt' ? 'match' : parameter;
  return new UsageError(`--${flag} is ${JSON.stringify(value)}: ${remedy}`);
}

const noResults = (deps: Deps, { run }: RecordedRun): UsageError =>
  new UsageError(`Run ${run} has no results yet: \`${deps.calledAs} status ${run}\`.`);

/** `results.json` as it is, on one line. */
async function printFile(deps: Deps, recorded: RecordedRun, flags: ResultsFlags): Promise<number> {
  const file = await runsOf(deps, flags.results).runs.results(recorded);
  if (file === null) throw noResults(deps, recorded);
  deps.terminal.out.write(`${printableJson(JSON.stringify(file))}\n`);
  return EXIT.ok;
}

async function exportAs(
  deps: Deps,
  recorded: RecordedRun,
  { index, details }: PictureReader,
  query: PictureQuery,
  format: ExportFormat,
  { output }: ResultsFlags,
): Promise<number> {
  const { thumbnail, terminal } = deps;
  const text = createExport(format, {
    ...{ run: recorded, index, details, query },
    generated: new Date(deps.now()),
    ...(thumbnail === undefined ? {} : { thumbnail: (_at, picture) => thumbnail(recorded, picture) }),
  });
  if (output === undefined) {
    await writeOut(terminal.out, text);
    return EXIT.ok;
  }
  const path = resolve(deps.cwd, output);
  if (!(await writeFileWhole(path, text))) return EXIT.interrupted;
  terminal.out.write(`Written: ${path}\n`);
  return EXIT.ok;
}

async function printMissing(
  deps: Deps,
  recorded: RecordedRun,
  { index, details, plan }: PictureReader,
  query: PictureQuery,
  places: Int32Array,
): Promise<number> {
  const { partly, unasked } = placesMissing(index.pictures, places);
  const lines = async function* (): AsyncGenerator<string> {
    if (plan.account.simulated) yield `${SIMULATED}\n`;
    for await (const picture of details.streamDetails(partly)) {
      for (const { reason, questions } of missingOf(picture)) {
        const which = questions.length === plan.prompts.length ? 'every question' : questions.join(', ');
        yield `${cut(`${picture.name} · ${which}`, 4000)}\n${cut(`  ${reason}`, 4000)}\n`;
      }
    }
    const summary = summaryNow({ recorded, live: null }, deps.now());
    // Pictures found after the index was read are not asked about either.
    const unseen = isFiltered(query) ? 0 : Math.max(0, summary.images - index.pictures.size);
    const more = unasked + unseen;
    if (more > 0) yield `${plural(more, 'more picture')}: not asked about yet\n`;
    const none = more === 0 && partly.length === 0;
    yield none ? 'No answer is missing.\n' : '\n';
    if (none) return;
    const state = honestState(
      summary.state,
      summary.counts,
      questionsOf(summary.images, summary.prompts.length, summary.counts),
    );
    const line = lineOf(deps, recorded.run, recorded.place);
    for (const step of nextSteps({ ...summary, state }, line, { which: false })) yield `${step}\n`;
  };
  await writeOut(deps.terminal.out, lines());
  return EXIT.ok;
}
