import { printableJson } from '../../shared/redact.ts';
import type { ExportRow } from './rows.ts';

const lineOf = (row: ExportRow): string => printableJson(JSON.stringify(row));

/** Rows as one JSON array, a row a line. */
export async function* jsonOf(groups: AsyncIterable<ExportRow[]>): AsyncGenerator<string, void, undefined> {
  let before = '[\n';
  for await (const rows of groups) {
    if (rows.length === 0) continue;
    yield before + rows.map(lineOf).join(',\n');
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

/** Rows as JSON, one a line. */
export async function* ndjsonOf(groups: AsyncIterable<ExportRow[]>): AsyncGenerator<string, void, undefined> {
  for await (const rows of groups) {
    if (rows.length > 0) yield rows.map((row) => `${lineOf(row)}\n`).join('');
  }
}
