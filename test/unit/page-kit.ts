import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { keepShard } from '../../src/activities/shards.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { ImageRef, Plan, Progress, PromptResult } from '../../src/shared/types.ts';
import { PAGE_HEADER } from '../../src/web/api.ts';
import { startPage, type PageOptions } from '../../src/web/server.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { listFolderRuns, openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { createOpenSource } from '../../src/worker/adapters/open-source.ts';
import { answered } from '../helpers/outcomes.ts';
import { planOf, progressOf } from './client-data.ts';

/** What a browser or an attacker is told. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  json(): unknown;
}

export interface Asking {
  method?: string;
  /** `null` leaves one out that is sent otherwise. */
  headers?: Record<string, string | null>;
  body?: string;
}

/** A page over a results folder of its own, with an application of three files and a source of one picture. */
export interface TestPage {
  url: string;
  port: number;
  /** Holds `results`, `pictures`, `app` and `secret.txt`. */
  folder: string;
  /** What the page has logged. */
  log(): string;
  ask(path: string, asking?: Asking): Promise<Answer>;
  /** The same with the page's own header and JSON. */
  post(path: string, body: unknown, headers?: Record<string, string | null>): Promise<Answer>;
  /** The answer as it begins, to be read or broken off. */
  open(path: string, headers?: Record<string, string>): Promise<IncomingMessage>;
  close(): Promise<void>;
}

export async function startTestPage(change: Partial<PageOptions> = {}): Promise<TestPage> {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  for (const path of ['results', 'pictures', 'app/assets'])
    mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, 'app', 'index.html'), '<!doctype html><title>the application</title>');
  writeFileSync(join(folder, 'app', 'assets', 'main-ABC.js'), `const text = '${'long '.repeat(1_000)}';`);
  writeFileSync(join(folder, 'app', 'notes.js'), 'not an asset');
  writeFileSync(join(folder, 'secret.txt'), 'a secret of this machine');
  const logged = new PassThrough();
  const openSource = createOpenSource(createGcs({ apiEndpoint: null }));
  const root = join(folder, 'results');
  const page = await startPage({
    deps: {
      config: readConfig({ RESULTS: root }, folder),
      cwd: folder,
      calledAs: 'image-analysis',
      openStore: openFolderStore,
      listRuns: listFolderRuns,
    },
    ...{ root, host: '127.0.0.1', port: 0, orNext: false, token: null, pageUrl: null },
    appFolder: join(folder, 'app'),
    connect: () => Promise.resolve(null),
    readPicture: (source, image, signal) =>
      openSource(source, { include: [], exclude: [] }).read(image, signal),
    thumbnails: join(folder, 'thumbnails'),
    logger: createLogger({ level: 'debug', destination: logged, pretty: false }),
    now: Date.now,
    ...change,
  });
  const port = Number(new URL(page.url).port);

  const send = (path: string, { method = 'GET', headers = {}, body }: Asking): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path, agent: false, setHost: false }, resolve);
      const all: Record<string, string | null> = { host: `127.0.0.1:${port}`, ...headers };
      for (const [name, value] of Object.entries(all)) if (value !== null) sent.setHeader(name, value);
      sent.on('error', reject);
      sent.end(body);
    });
  const ask = async (path: string, asking: Asking = {}): Promise<Answer> => {
    const answer = await send(path, asking);
    let text = '';
    answer.setEncoding('utf8');
    for await (const piece of answer) text += String(piece);
    return {
      ...{ status: answer.statusCode ?? 0, headers: answer.headers, text },
      json: () => JSON.parse(text) as unknown,
    };
  };
  return {
    ...{ url: page.url, port, folder, ask },
    log: () => String(logged.read() ?? ''),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', [PAGE_HEADER]: '1', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    open: (path, headers = {}) => send(path, { headers }),
    async close() {
      await page.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Writes a run of two questions about these pictures, with one outcome for both of each. */
export async function writeRun(
  folder: string,
  run: string,
  pictures: readonly { name: string; outcome: PromptResult | null }[],
  change: { plan?: Partial<Plan>; progress?: Partial<Progress> } = {},
): Promise<void> {
  const place = join(folder, 'results', run);
  const plan = planOf({
    ...{ run, results: place, workflowId: `image-analysis-${run}`, source: join(folder, 'pictures') },
    ...change.plan,
  });
  const images: ImageRef[] = pictures.map(({ name }) => ({
    ...{ name, uri: join(plan.source, name), identity: `sha256:${name}`, bytes: 1 },
  }));
  const write = (path: string, body: unknown): void => {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), JSON.stringify(body));
  };
  write('run.json', plan);
  write('images/000000.json', { page: 0, images, skipped: [], next: null });
  const at = '2026-11-24T10:00:10.000Z';
  const store = openFolderStore(place);
  for (let batch = 0; batch * plan.batchSize < pictures.length; batch += 1) {
    const first = batch * plan.batchSize;
    const shown = pictures.slice(first, first + plan.batchSize).flatMap(({ outcome }, n) =>
      outcome === null
        ? []
        : [
            {
              ...{ page: 0, index: first + n, startedAt: at, endedAt: at },
              prompts: { crowd: outcome, pothole: outcome },
            },
          ],
    );
    if (shown.length > 0) await keepShard(store, { batch, startedAt: at, endedAt: at, images: shown });
  }
  const outcomes = pictures.flatMap(({ outcome }) => (outcome === null ? [] : [outcome, outcome]));
  const failed = outcomes.filter(({ ok }) => !ok).length;
  write(
    'progress.json',
    progressOf({
      ...{
        run,
        workflowId: plan.workflowId,
        source: plan.source,
        state: 'complete',
        images: pictures.length,
      },
      ...{ begun: Math.ceil(pictures.length / plan.batchSize) },
      counts: {
        ...noCounts(),
        ...{ images: pictures.length, answered: outcomes.length - failed, failed },
        failures: failed === 0 ? {} : { Timeout: failed },
      },
      ...change.progress,
    }),
  );
}

/** One of the sample pictures as the run's only one, as it was listed. */
export function putSample(folder: string, run: string): void {
  const bytes = readFileSync(
    'samples/LANCHESTER_ROAD_PONNURU_RD._SIDE_LALAPET_10_246_8_9_20251125_112143.jpg',
  );
  const name = 'road_20251125_112143.jpg';
  const uri = join(folder, 'pictures', name);
  writeFileSync(uri, bytes);
  const identity = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  writeFileSync(
    join(folder, 'results', run, 'images', '000000.json'),
    JSON.stringify({
      page: 0,
      images: [{ name, uri, identity, bytes: bytes.length }],
      skipped: [],
      next: null,
    }),
  );
}

export const said = (description: string, count = 1): PromptResult =>
  answered({ match: count > 0, count, description });

export const failedTo = (kind: 'Timeout' | 'Refused'): PromptResult => ({
  ok: false,
  failure: { kind, message: `It was ${kind}.`, tries: [] },
});
