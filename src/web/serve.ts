import { join } from 'node:path';
import { reachServer } from '../client/connection.ts';
import type { PageSettings, RunningPage } from '../client/deps.ts';
import { createPictures, type ReadPicture } from './pictures.ts';
import { startPage } from './server.ts';
import { createThumbnailOf, type ThumbnailOf } from './thumbnail-of.ts';
import { clearThumbnails } from './thumbnail-files.ts';
import { createThumbnails } from './thumbnails.ts';
import { readToken } from './token.ts';

/** Folder of the thumbnails below `DATA_DIR`, for the page and the reports alike. */
const thumbnailFolder = (dataDir: string): string => join(dataDir, 'thumbnails');

/** Small pictures for the reports of a command, from the same cache as the page's. */
export const thumbnailsOf = (read: ReadPicture, dataDir: string): ThumbnailOf =>
  createThumbnailOf({
    pictures: createPictures({ read }),
    thumbnails: createThumbnails({ folder: thumbnailFolder(dataDir) }),
  });

/** Removes all that are kept below a data folder; says how many there were. */
export const clearThumbnailsOf = (dataDir: string): Promise<number> =>
  clearThumbnails(thumbnailFolder(dataDir));

/** Serves the page with the settings of a command. Throws as `startPage` and `readToken` do. */
export async function servePage(
  { deps, root, host, port, orNext, quiet }: PageSettings,
  { readPicture, appFolder }: { readPicture: ReadPicture; appFolder: string },
): Promise<RunningPage> {
  const { config, now } = deps;
  return startPage({
    ...{ deps, root, host, port, orNext, appFolder, readPicture, now },
    token: config.pageTokenFile === null ? null : await readToken(config.pageTokenFile),
    pageUrl: config.pageUrl,
    connect: reachServer,
    thumbnails: thumbnailFolder(config.dataDir),
    logger: quiet ? deps.logger.child({}, { level: 'silent' }) : deps.logger,
  });
}
