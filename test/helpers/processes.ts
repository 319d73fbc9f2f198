import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** Processes that were started with this text in their environment, such as `DATA_DIR=/a/folder`. Linux only. */
export function processesWithEnvironment(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${name}/status`, 'utf8'));
      const found = `\0${readFileSync(`/proc/${name}/environ`, 'utf8')}`.includes(`\0${text}`);
      return found && !isZombie ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Local addresses (as `/proc/net/tcp` spells them, port left out) at which these processes listen. Linux only. */
export function listeningAddresses(pids: number[]): string[] {
  const sockets = new Set(pids.flatMap(socketsOf));
  return ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
        return state === LISTEN && sockets.has(`socket:[${inode}]`) ? [local.split(':')[0] ?? ''] : [];
      }),
  );
}

/** TCP_LISTEN of the kernel's `tcp_states.h`, as `/proc/net/tcp` writes it. */
const LISTEN = '0A';

/** 127.0.0.1 in `/proc/net/tcp` of a little-endian machine. */
export const LOOPBACK = '0100007F';

function socketsOf(pid: number): string[] {
  const folder = `/proc/${String(pid)}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      return [];
    }
  });
}
