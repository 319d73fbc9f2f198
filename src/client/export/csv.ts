import { stringify } from 'csv-stringify/sync';
import { plain } from '../../shared/redact.ts';
import { COLUMNS, type ExportRow } from './rows.ts';

/** A spreadsheet takes a file without it for one of the machine's old character set. */
const BYTE_ORDER_MARK = '\ufeff';

/** A spreadsheet's cell holds 32,767 characters. */
const LONGEST_CELL = 32_000;

/**
 * Rows as CSV (RFC 4180: CRLF, quotes where needed), under a row of their columns' names. A text that a spreadsheet would
 * take for a formula gets an apostrophe in front; numbers stay numbers; what is not there is an empty cell.
 */
export async function* csvOf(groups: AsyncIterable<ExportRow[]>): AsyncGenerator<string, void, undefined> {
  yield BYTE_ORDER_MARK + lines([COLUMNS]);
  for await (const rows of groups) {
    if (rows.length > 0) yield lines(rows.map((row) => COLUMNS.map((column) => cellOf(row[column]))));
  }
}

const lines = (records: readonly (readonly (string | number | null)[])[]): string =>
  stringify(records as (string | number | null)[][], { record_delimiter: 'windows', escape_formulas: true });

/** `plain` also takes out what could hide the sign that makes a formula. */
function cellOf(value: ExportRow[keyof ExportRow]): string | number | null {
  if (typeof value === 'string') return plain(value, LONGEST_CELL);
  return typeof value === 'boolean' ? String(value) : value;
}
