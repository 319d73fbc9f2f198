import { connect, type Socket } from 'node:net';
import { onLine, send, type Request, type Status } from './control.ts';
import { isRunning } from './processes.ts';
import { engineFiles } from './state.ts';

/** A command's connection to the supervisor of a running engine. */
export interface Attachment {
  token: string;
  status(): Status;
  /** Waits until the engine is ready, has failed, or is gone (`null`). */
  settled(): Promise<Status | null>;
  /** Resolves when the supervisor has answered, or is gone. */
  send(request: Request): Promise<void>;
  /** Resolves when the connection is over, whoever ended it. */
  gone: Promise<void>;
  /** Resolves when the connection is over. */
  leave(): Promise<void>;
}

/** A supervisor answers at once; one that does not is stopped by somebody, or the port is another program's. */
const HELLO_MS = 10_000;

/**
 * Connects to the engine of a data folder; `null` when none runs there, or it does not answer. Starts nothing.
 * `onStatus` is told whatever the engine says.
 */
export async function attach(
  dataDir: string,
  needs: { worker: boolean },
  onStatus?: (status: Status) => void,
): Promise<Attachment | null> {
  const file = engineFiles(dataDir).engine.read();
  if (file === null || !isRunning(file.supervisor)) return null;
  const socket = await connectTo(file.controlPort);
  if (socket === null) return null;

  let last: Status | null = null;
  const waiting = new Set<() => void>();
  const wake = (): void => waiting.forEach((resolve) => resolve());
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => socket.destroy());
  void gone.then(wake);
  onLine(socket, (line) => {
    last = JSON.parse(line) as Status;
    onStatus?.(last);
    wake();
  });
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const once = (): void => {
        waiting.delete(once);
        resolve();
      };
      waiting.add(once);
    });

  send(socket, { do: 'hello', token: file.token, worker: needs.worker });
  const patience = setTimeout(() => socket.destroy(), HELLO_MS);
  while (last === null && !socket.closed) await changed();
  clearTimeout(patience);
  if (last === null) return null;
  return {
    token: file.token,
    status: () => last as Status,
    async settled() {
      while (last?.state === 'starting' && !socket.closed) await changed();
      return last?.state === 'starting' ? null : last;
    },
    async send(request) {
      if (socket.closed) return;
      send(socket, request);
      await changed();
    },
    gone,
    async leave() {
      socket.end();
      await gone;
    },
  };
}

function connectTo(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}
