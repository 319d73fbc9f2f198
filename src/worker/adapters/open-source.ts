import path from 'node:path';
import type { OpenSource } from '../../activities/ports.ts';
import { SourceError } from '../../activities/ports.ts';
import { openFolderSource } from './folder-source.ts';
import type { Gcs } from './gcs.ts';
import { parseGcsPlace } from './gcs.ts';
import { openGcsSource } from './gcs-source.ts';
import { createGcsUrls } from './gcs-urls.ts';
import { createObjectFilter } from './object-filter.ts';

/**
 * Opens a bucket (`gs://…`) or a folder (an absolute path). Nothing is read yet: an address or a glob that cannot
 * be one is refused with a {@link SourceError} `invalid`, all else shows at the first listing. Signed URLs are kept
 * over all sources that the returned function opens, so make it once a process.
 */
export function createOpenSource(gcs: Gcs, now: () => number = Date.now): OpenSource {
  const urls = createGcsUrls(gcs, now);
  return (uri, globs) => {
    const filter = createObjectFilter(globs);
    if (uri.startsWith('gs://')) {
      const place = parseGcsPlace(uri);
      if (typeof place === 'string') throw new SourceError('invalid', `The source ${place}`);
      return openGcsSource(place, filter, gcs, urls);
    }
    if (!path.isAbsolute(uri)) {
      const what = `The source ${JSON.stringify(uri)} is neither gs://bucket/prefix/ nor the absolute path of a folder`;
      throw new SourceError('invalid', `${what}; a relative path means nothing to a worker elsewhere.`);
    }
    return openFolderSource(uri, filter);
  };
}
