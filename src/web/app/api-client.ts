import { PAGE_HEADER, type Problem } from '../api.ts';

/** What the server refused or could not do, in its own words. */
export class ProblemError extends Error {
  readonly status: number;
  readonly command: string | undefined;

  constructor(status: number, problem: Problem) {
    super(problem.problem);
    this.name = 'ProblemError';
    this.status = status;
    this.command = problem.command;
  }
}

/** Reads an answer of the server. Throws a {@link ProblemError}; an aborted one rejects as `fetch` does. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return call<T>(path, { ...(signal && { signal }) });
}

/** Asks the server to do something. Throws a {@link ProblemError}. */
export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return call<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', [PAGE_HEADER]: '1' },
    body: JSON.stringify(body),
  });
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { accept: 'application/json', ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ProblemError(0, {
      problem: 'The page’s server does not answer. Is it still running?',
      command: 'image-analysis serve',
    });
  }
  if (response.status === 401 && location.pathname !== '/login') {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const text = await response.text();
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
  throw new ProblemError(response.status, problemOf(text, response));
}

/** A proxy in between may answer in its own words. */
function problemOf(text: string, { status, statusText }: Response): Problem {
  try {
    const body = JSON.parse(text) as Partial<Problem>;
    if (typeof body.problem === 'string') return body as Problem;
  } catch {
    // Not ours; said below.
  }
  return { problem: `The server answered ${status} ${statusText}`.trim() + '.' };
}

/** `lost`: the connection broke and is being tried again; what was heard last still stands. */
export type Connection = 'connecting' | 'open' | 'lost';

/** First wait before a closed stream is opened again, and the longest one. */
const RETRY_MS = { first: 1000, most: 15_000 };

/**
 * Listens to server-sent events until the returned function is called. A browser tries a broken connection again by
 * itself, but gives up on one that was answered with an error (a server that restarts behind a proxy): that is done here.
 * A stream that ends by intent closes itself at the event `end`, which is passed on like any other.
 */
export function events(
  path: string,
  handlers: Record<string, (data: unknown) => void>,
  onConnection: (connection: Connection) => void = () => undefined,
): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = RETRY_MS.first;
  let closed = false;

  const close = (): void => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };

  const open = (): void => {
    const opened = new EventSource(path);
    source = opened;
    opened.addEventListener('open', () => {
      wait = RETRY_MS.first;
      onConnection('open');
    });
    opened.addEventListener('error', () => {
      if (closed) return;
      onConnection('lost');
      if (opened.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, RETRY_MS.most);
    });
    for (const [name, handle] of Object.entries(handlers)) {
      opened.addEventListener(name, (event: MessageEvent<string>) => {
        if (closed) return;
        if (name === 'end') close();
        handle(event.data === '' ? undefined : JSON.parse(event.data));
      });
    }
  };

  onConnection('connecting');
  open();
  return close;
}
