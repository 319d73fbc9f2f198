import { printableJson } from '../../shared/redact.ts';
import { ageMs } from '../age.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { count, labelled } from '../render/format.ts';

export interface CacheFlags {
  olderThan?: string;
  json?: boolean;
}

/**
 * `cache stats|prune`: looks after the answers that later runs recall. Needs no server; runs may go on meanwhile. What is
 * removed is asked and paid again by the next run that has the question, and by none that has its answer already.
 */
export async function cacheCommand(deps: Deps, act: string, flags: CacheFlags): Promise<number> {
  if (act === 'stats') return stats(deps, flags);
  if (act === 'prune') return prune(deps, flags);
  throw new UsageError(`cache ${JSON.stringify(act)}: give stats or prune, for example cache stats.`);
}

async function stats(deps: Deps, flags: CacheFlags): Promise<number> {
  if (flags.olderThan !== undefined) {
    throw new UsageError('--older-than is for prune, for example cache prune --older-than 30d.');
  }
  const cache = await deps.openAnswerCache(deps.config.answers);
  const found = await cache.stats();
  if (flags.json === true) {
    print(deps, printableJson(JSON.stringify({ place: cache.place, ...found })));
    return EXIT.ok;
  }
  const rows: [string, string][] = [
    ['Place', cache.place],
    ['Answers', found.entries === 0 ? 'none yet' : `${count(found.entries)}, ${megabytes(found.bytes)}`],
    ...(found.oldest === null ? [] : [['Oldest', minute(found.oldest)] as [string, string]]),
    ...(found.newest === null ? [] : [['Newest', minute(found.newest)] as [string, string]]),
  ];
  for (const [label, text] of rows) {
    for (const line of labelled(label, text, deps.terminal.columns())) print(deps, line);
  }
  return EXIT.ok;
}

async function prune(deps: Deps, flags: CacheFlags): Promise<number> {
  const olderThanMs = flags.olderThan === undefined ? null : ageMs(flags.olderThan);
  const cache = await deps.openAnswerCache(deps.config.answers);
  const pruned = await cache.prune({ now: deps.now(), olderThanMs });
  if (flags.json === true) {
    print(deps, printableJson(JSON.stringify({ place: cache.place, ...pruned })));
    return EXIT.ok;
  }
  const removed = [
    ...(olderThanMs === null ? [] : [`${count(pruned.old)} older than ${flags.olderThan ?? ''}`]),
    `${count(pruned.damaged)} that no run could use`,
  ];
  print(deps, `Removed from ${cache.place}: ${removed.join(', ')} (${megabytes(pruned.bytes)}).`);
  print(deps, `Answers left: ${count(pruned.kept)}.`);
  if (olderThanMs === null && pruned.kept > 0) {
    print(deps, `Old ones too: \`${deps.calledAs} cache prune --older-than 30d\``);
  }
  return EXIT.ok;
}

const print = (deps: Deps, line: string): void => void deps.terminal.out.write(`${line}\n`);

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** `2025-11-26 02:53 UTC`. */
const minute = (iso: string): string => `${iso.slice(0, 16).replace('T', ' ')} UTC`;
