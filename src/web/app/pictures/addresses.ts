import { formatQuery, type PictureQuery } from '../../../shared/picture-query.ts';
import { runPath } from '../ui/tabs.tsx';

const withQuery = (path: string, ...parts: string[]): string => {
  const search = parts.filter((part) => part !== '').join('&');
  return search === '' ? path : `${path}?${search}`;
};

const api = (run: string, rest = ''): string => `/api/runs/${encodeURIComponent(run)}${rest}`;

/** Pages of the application. A query in an address finds the same pictures for everyone who opens it. */
export const page = {
  pictures: (run: string, query: PictureQuery): string =>
    withQuery(runPath(run, '/pictures'), formatQuery(query)),
  picture: (run: string, at: number, query: PictureQuery): string =>
    withQuery(runPath(run, `/pictures/${at}`), formatQuery(query)),
  summary: (run: string, query: PictureQuery): string =>
    withQuery(runPath(run, '/summary'), formatQuery(query)),
  compare: (left: string, right: string, search = ''): string =>
    withQuery(`/compare/${encodeURIComponent(left)}/${encodeURIComponent(right)}`, search),
};

/** What the server is asked. */
export const server = {
  run: (run: string): string => api(run),
  events: (run: string): string => api(run, '/events'),
  retry: (run: string): string => api(run, '/retry'),
  pictures: (run: string, query: PictureQuery, from: number, take: number): string =>
    withQuery(api(run, '/pictures'), `from=${from}&take=${take}`, formatQuery(query)),
  search: (run: string, query: PictureQuery): string => withQuery(api(run, '/search'), formatQuery(query)),
  picture: (run: string, at: number, query: PictureQuery): string =>
    withQuery(api(run, `/pictures/${at}`), formatQuery(query)),
  summary: (run: string, query: PictureQuery): string => withQuery(api(run, '/summary'), formatQuery(query)),
  exported: (run: string, format: 'json' | 'ndjson' | 'csv' | 'html', query: PictureQuery): string =>
    withQuery(api(run, `/export.${format}`), formatQuery(query)),
  compare: (left: string, right: string, from: number, take: number, onlyChanged: boolean): string =>
    withQuery(
      `/api/compare/${encodeURIComponent(left)}/${encodeURIComponent(right)}`,
      `from=${from}&take=${take}`,
      onlyChanged ? 'only=changed' : '',
    ),
  thumb: (run: string, at: number): string => `/pictures/${encodeURIComponent(run)}/${at}/thumb`,
  full: (run: string, at: number): string => `/pictures/${encodeURIComponent(run)}/${at}/full`,
};
