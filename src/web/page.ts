import { program } from '../config.ts';
import { messageOf } from '../client/errors.ts';
import { configOf } from '../client/look-at-run.ts';
import { createRuns, type Runs } from '../client/runs.ts';
import { createActions, type Actions } from './actions.ts';
import type { PageInfo, RunDetail } from './api.ts';
import { createLive, type Live, type Sight } from './live.ts';
import { createPictures, type Pictures } from './pictures.ts';
import { createRunList, type RunList } from './run-list.ts';
import { createRunMinutes } from './run-minutes.ts';
import { createRunPictures, type RunPictures } from './run-pictures.ts';
import { detailOf } from './run-view.ts';
import { createServers } from './servers.ts';
import type { PageOptions } from './server.ts';
import { createThumbnailOf, type ThumbnailOf } from './thumbnail-of.ts';
import { createThumbnails, type Thumbnails } from './thumbnails.ts';

/** What the routes are made of. */
export interface Page {
  info: PageInfo;
  runs: Runs;
  list: RunList;
  live: Live;
  actions: Actions;
  /** The rows and columns of runs' pictures. */
  pictures: RunPictures;
  /** Their bytes. */
  bytes: { pictures: Pictures; thumbnails: Thumbnails };
  /** For a report. */
  thumbnail: ThumbnailOf;
  detail(sight: Sight): Promise<RunDetail>;
  /** Aborted when the page ends. */
  closing: AbortSignal;
  /** Says what broke a stream midway, where no status tells it any more. */
  broke(error: unknown): void;
  now(): number;
  close(): Promise<void>;
}

/** Puts the parts of the page together. */
export function createPage(options: PageOptions): Page {
  const { deps, root, connect, readPicture, thumbnails, logger, now } = options;
  const { openStore, listRuns } = deps;
  const closing = new AbortController();
  const runs = createRuns({ root, openStore, listRuns });
  const servers = createServers({ connect, now });
  const own = (recorded: Parameters<typeof configOf>[1]) => configOf(deps, recorded);
  const live = createLive({ runs, servers, configOf: own, openStore, now });
  const actions = createActions({ live, servers, configOf: own, deps, now });
  const bytes = {
    pictures: createPictures({ read: readPicture }),
    thumbnails: createThumbnails({ folder: thumbnails, now }),
  };
  const minutes = createRunMinutes({ openStore });
  return {
    info: { version: program().version, root, simulated: deps.config.account.simulated },
    runs,
    list: createRunList({ runs, live, now }),
    live,
    actions,
    pictures: createRunPictures({ runs, openStore, now }),
    bytes,
    thumbnail: createThumbnailOf(bytes),
    async detail(sight) {
      const { recorded, live: seen } = sight;
      const about = {
        minutes: await minutes.of(recorded, seen?.progress ?? recorded.progress),
        actions: actions.possible(sight),
        webUi: sight.webUi(recorded.plan.workflowId),
      };
      return detailOf({ recorded, live: seen, unreadable: sight.unreadable }, about, now());
    },
    closing: closing.signal,
    broke: (error) => logger.error({ problem: messageOf(error) }, 'page: a stream broke'),
    now,
    async close() {
      closing.abort();
      live.close();
      await servers.close();
    },
  };
}
