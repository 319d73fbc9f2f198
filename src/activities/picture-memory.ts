import { untilAborted } from './until-aborted.ts';

/** A bounded place for pictures that travel inside their requests. */
export interface PictureMemory<T> {
  /**
   * Lends the picture with this key, loading it when it is not here. `bytes` is what its text weighs, as far as it is
   * known before it is read; what `load` reports counts from then on. Waits, first come first served, while the loan
   * would take what is in use beyond the bound. The borrower calls `release` when its call is over, and asks for no
   * second picture before.
   *
   * Borrowers of one picture share its load, which gets a signal that aborts when the last of them has left. A failed
   * load is not kept; its error goes to all who wait for it. Rejects with the reason of `signal` when that aborts.
   */
  lend(key: string, bytes: number, load: Load<T>, signal: AbortSignal): Promise<Loan<T>>;
  /** Its books. */
  snapshot(): Books;
}

export type Load<T> = (signal: AbortSignal) => Promise<{ value: T; bytes: number }>;

export interface Loan<T> {
  value: T;
  /** A second time does nothing. */
  release(): void;
}

export interface Books {
  /** Of pictures that are lent or being loaded, with the copies that their calls make. */
  bytesInUse: number;
  /** Of pictures that are kept for a next question. */
  bytesKept: number;
  /** Borrowers that wait for room. */
  waiting: number;
}

/**
 * Copies of a picture's text that an open call makes: the request's JSON. Measured with the OpenAI client on Node 20,
 * 20 pictures of 4 MB and 100 of 256 KB, over HTTP and TLS, to a server that reads and to one that does not: 2.05 bytes
 * a character of text in all, the text itself among them (V8 holds Latin-1 in one byte a character), and some 50 KB a
 * call. Reading and encoding, at 1.75, stays below it.
 */
const COPIES_A_CALL = 1;

interface Entry<T> {
  key: string;
  bytes: number;
  borrowers: number;
  state: 'loading' | 'loaded' | 'gone';
  value: Promise<T>;
  /** Nobody wants it any more. */
  aborter: AbortController;
}

interface Waiter<T> {
  key: string;
  bytes: number;
  load: Load<T>;
  admit(entry: Entry<T>): void;
}

/**
 * Pictures in memory, of which those in use and those kept weigh `maxBytes` together at most, whatever the
 * concurrency; one that is larger by itself goes alone. What is not in use is kept for the picture's next question,
 * and the least recently used goes first when room is needed.
 *
 * A key must name content (a hash, a generation): a picture that is here is not read again, so whether its source
 * still holds it (`gone`, `changed`) shows at the first reading only. That is as it should be, for the run is about
 * the content that was listed.
 *
 * It counts what lives, not what the garbage collector has yet to free: a worker grows by the bound and some 200 MB more
 * (`npm run bench:memory`), however many calls it is asked to have in flight.
 */
export function createPictureMemory<T>({ maxBytes }: { maxBytes: number }): PictureMemory<T> {
  const entries = new Map<string, Entry<T>>();
  /** Loaded and lent to nobody, least recently used first. */
  const idle = new Map<string, Entry<T>>();
  const queue: Waiter<T>[] = [];
  let bytesInUse = 0;
  let bytesKept = 0;

  const weightInUse = ({ bytes, borrowers, state }: Entry<T>): number =>
    (state === 'loading' || borrowers > 0 ? bytes : 0) + COPIES_A_CALL * bytes * borrowers;

  /** Whatever happens to an entry happens here, so that the books follow. */
  function change(entry: Entry<T>, to: Partial<Entry<T>>): void {
    bytesInUse -= weightInUse(entry);
    if (idle.get(entry.key) === entry) takeOut(entry);
    Object.assign(entry, to);
    bytesInUse += weightInUse(entry);
    if (entry.state === 'gone' && entries.get(entry.key) === entry) entries.delete(entry.key);
    if (entry.state === 'loaded' && entry.borrowers === 0) {
      idle.set(entry.key, entry);
      bytesKept += entry.bytes;
    }
    for (const oldest of idle.values()) {
      if (bytesInUse + bytesKept <= maxBytes) break;
      takeOut(oldest);
      entries.delete(oldest.key);
    }
  }

  function takeOut(entry: Entry<T>): void {
    idle.delete(entry.key);
    bytesKept -= entry.bytes;
  }

  function fits({ key, bytes }: Waiter<T>): boolean {
    const entry = entries.get(key);
    const size = entry?.bytes ?? bytes;
    const text = entry === undefined || entry.borrowers === 0 ? size : 0;
    return bytesInUse === 0 || bytesInUse + text + COPIES_A_CALL * size <= maxBytes;
  }

  function admitWaiting(): void {
    for (let first = queue[0]; first !== undefined && fits(first); first = queue[0]) {
      queue.shift();
      first.admit(borrow(first));
    }
  }

  function borrow({ key, bytes, load }: Waiter<T>): Entry<T> {
    const entry = entries.get(key) ?? open(key, bytes, load);
    change(entry, { borrowers: entry.borrowers + 1 });
    return entry;
  }

  function open(key: string, bytes: number, load: Load<T>): Entry<T> {
    const aborter = new AbortController();
    const loading = Promise.resolve().then(() => load(aborter.signal));
    const value = loading.then((loaded) => loaded.value);
    const entry: Entry<T> = { key, bytes, borrowers: 0, state: 'loading', value, aborter };
    entries.set(key, entry);
    bytesInUse += weightInUse(entry);
    const settle = (to: Partial<Entry<T>>): void => {
      change(entry, to);
      admitWaiting();
    };
    loading.then(
      (loaded) => settle(aborter.signal.aborted ? GONE : { state: 'loaded', bytes: loaded.bytes }),
      () => settle(GONE),
    );
    return entry;
  }

  function leave(entry: Entry<T>): void {
    change(entry, { borrowers: entry.borrowers - 1 });
    if (entry.state === 'loading' && entry.borrowers === 0) {
      // It weighs until its load has ended; who asks from now on loads anew.
      entries.delete(entry.key);
      entry.aborter.abort();
    }
    admitWaiting();
  }

  /** Room for a loan, as its turn comes. */
  function turn(wish: Omit<Waiter<T>, 'admit'>, signal: AbortSignal): Promise<Entry<T>> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        queue.splice(queue.indexOf(waiter), 1);
        reject(signal.reason as Error);
        admitWaiting();
      };
      const waiter: Waiter<T> = {
        ...wish,
        admit(entry) {
          signal.removeEventListener('abort', giveUp);
          resolve(entry);
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      queue.push(waiter);
      admitWaiting();
    });
  }

  return {
    async lend(key, bytes, load, signal) {
      signal.throwIfAborted();
      const entry = await turn({ key, bytes, load }, signal);
      let left = false;
      const release = (): void => {
        if (!left) leave(entry);
        left = true;
      };
      try {
        return { value: await untilAborted(entry.value, signal), release };
      } catch (err) {
        release();
        throw err;
      }
    },
    snapshot: () => ({ bytesInUse, bytesKept, waiting: queue.length }),
  };
}

const GONE = { state: 'gone' } as const;
