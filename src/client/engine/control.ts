import { timingSafeEqual } from 'node:crypto';
import { createServer, type Socket } from 'node:net';

/** What a command tells the supervisor, one JSON object a line. The first is always `hello`. */
export type Request =
  /** `worker`: the command needs pictures analysed, not only the server. */
  { do: 'hello'; token: string; worker: boolean } | { do: 'hold'; workflowId: string } | { do: 'stop' };

/** What the supervisor tells every command, at its hello and whenever it changes. */
export interface Status {
  state: 'starting' | 'ready' | 'stopping' | 'failed';
  /** Why it failed. */
  message: string | null;
  /** Why a ready engine does nothing now, and what to do about it; it goes on by itself when that is mended. */
  trouble: string | null;
  address: string;
  uiUrl: string;
  /** Settings of its worker, the key as a hash; to be compared with the command's own. */
  settings: Record<string, string>;
}

/** The supervisor's end of the control port. A connection lives as long as its command; the kernel tells of its death. */
export interface ControlServer {
  port: number;
  /** Commands that are connected and have said hello. */
  connected(): number;
  broadcast(status: Status): void;
  close(): void;
}

export interface ControlHandlers {
  status(): Status;
  onHello(needs: { worker: boolean }): void;
  onHold(workflowId: string): void;
  onStop(): void;
  /** A command that had said hello is gone. */
  onLeave(): void;
}

/** Opens the control port on the loopback. Connections that do not know the token are closed without a word. */
export async function openControl(token: string, handlers: ControlHandlers): Promise<ControlServer> {
  const commands = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (commands.delete(socket)) handlers.onLeave();
    });
    onLine(socket, (line) => {
      const request = parseRequest(line);
      if (request === null) return void socket.destroy();
      if (request.do === 'hello') {
        if (!sameText(request.token, token)) return void socket.destroy();
        commands.add(socket);
        handlers.onHello(request);
        return send(socket, handlers.status());
      }
      if (!commands.has(socket)) return void socket.destroy();
      if (request.do === 'hold') handlers.onHold(request.workflowId);
      else handlers.onStop();
      send(socket, handlers.status());
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    connected: () => commands.size,
    broadcast: (status) => commands.forEach((socket) => send(socket, status)),
    close() {
      server.close();
      for (const socket of commands) socket.end();
      commands.clear();
    },
  };
}

export const send = (socket: Socket, message: Status | Request): void => {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
};

/** Longer than any message; one who sends more is none of us. */
const LONGEST_LINE = 100_000;

/** Calls back with each whole line that arrives. Errors of the socket are left to its owner. */
export function onLine(socket: Socket, take: (line: string) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    const lines = `${rest}${String(chunk)}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) socket.destroy();
    lines.forEach(take);
  });
}

function parseRequest(line: string): Request | null {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('do' in value)) return null;
    if (value.do === 'stop') return { do: 'stop' };
    if (value.do === 'hold' && 'workflowId' in value && typeof value.workflowId === 'string') {
      return { do: 'hold', workflowId: value.workflowId };
    }
    if (value.do === 'hello' && 'token' in value && typeof value.token === 'string') {
      return { do: 'hello', token: value.token, worker: 'worker' in value && value.worker === true };
    }
    return null;
  } catch {
    return null;
  }
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
