import { existsSync } from 'node:fs';
import type { Config } from '../../config.ts';
import { serverIdentity } from '../../shared/server-identity.ts';
import { connectServer, type Server } from '../connection.ts';
import { standingOf } from '../control-run.ts';
import type { Deps } from '../deps.ts';
import { databaseOf } from '../engine/database.ts';
import { messageOf } from '../errors.ts';
import { configOf } from '../look-at-run.ts';
import { hasEnded, type RecordedRun } from '../runs.ts';
import { hasOpenBatch } from './executions.ts';

/** A server with its identity, or why nobody can be asked. */
export type Reached = { server: Server; id: string } | { server: null; why: string };

/** The Temporal servers that a purge talks to, each connected to once. */
export interface Servers {
  of(config: Config): Promise<Reached>;
  close(): Promise<void>;
}

/**
 * Starts the embedded server where it has a database and does not run, without a worker: nothing is asked, and what its
 * histories hold can be deleted.
 */
export function createServers(deps: Deps, log: (line: string) => void): Servers {
  const reached = new Map<string, Promise<Reached>>();

  async function reach(config: Config): Promise<Reached> {
    const { address, dataDir } = config;
    if (address === null && !existsSync(databaseOf(dataDir)))
      return { server: null, why: `no embedded Temporal server has kept anything in ${dataDir}` };
    try {
      const server = await connectServer(deps, config, { worker: false, log });
      const { id } = await serverIdentity(server.client.workflowService, server.namespace, server.label);
      return { server, id };
    } catch (error) {
      // It is told in the middle of a sentence.
      return { server: null, why: messageOf(error).replace(/\.$/, '') };
    }
  }

  return {
    of(config) {
      const key = JSON.stringify([config.address, config.dataDir]);
      const known = reached.get(key) ?? reach(config);
      reached.set(key, known);
      return known;
    },
    async close() {
      for (const one of reached.values()) await (await one).server?.close();
    },
  };
}

/** Whether a run may be changed. */
export type Standing =
  | { is: 'ended'; server: Server }
  /** Its record says so; its histories are out of reach. */
  | { is: 'ended'; server: null; why: string }
  | { is: 'live' }
  | { is: 'unknown'; why: string };

/** A run has ended where its server says so; where that one is out of reach, where its own record does. */
export async function standingOfRun(deps: Deps, servers: Servers, recorded: RecordedRun): Promise<Standing> {
  const reached = await servers.of(configOf(deps, recorded));
  if (reached.server === null) return byRecord(recorded, reached.why);
  const theirs = recorded.progress?.server;
  if (theirs !== undefined && theirs.id !== reached.id)
    return byRecord(recorded, `it was worked at by another server, ${theirs.label}`);
  const { client } = reached.server;
  const { workflowId } = recorded.plan;
  const { is } = await standingOf(client, workflowId);
  if (is === 'running' || (await hasOpenBatch(client, workflowId))) return { is: 'live' };
  return { is: 'ended', server: reached.server };
}

const byRecord = (recorded: RecordedRun, why: string): Standing =>
  hasEnded(recorded) ? { is: 'ended', server: null, why } : { is: 'unknown', why };
