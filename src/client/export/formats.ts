/** Forms in which a run's pictures leave the program. */
export const EXPORT_FORMATS = ['json', 'ndjson', 'csv', 'html'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Media types of the exports, as a server names them. */
export const EXPORT_TYPES: Record<ExportFormat, string> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  html: 'text/html; charset=utf-8',
};
