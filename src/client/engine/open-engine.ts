import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../deps.ts';
import { attach, type Attachment } from './attach.ts';
import type { Status } from './control.ts';
import { logOf } from './logs.ts';
import { roomProblem } from './room.ts';
import { compareSettings } from './settings.ts';

/** The embedded engine as one command holds it. It lives at least until `release`. */
export interface Engine {
  /** `host:port` of its server. */
  address: string;
  uiUrl: string;
  /** This command started it: runs that were under way when it last stopped go on now. */
  startedHere: boolean;
  /** Why it does nothing now, and what to do about it; `null` when all is well. It is said in the log too. */
  trouble(): string | null;
  /** Keeps the engine until that workflow has ended, beyond this command. */
  hold(workflowId: string): Promise<void>;
  /** Gives the engine back; the last one out stops it. */
  release(): Promise<void>;
}

export interface EngineOptions {
  dataDir: string;
  /** The command needs pictures analysed, not only the server. */
  worker: boolean;
  /** This command's settings for comparison with the running worker's, the key as a hash with the engine's token. */
  settings(token: string): Record<string, string>;
  /** The command line that becomes the supervisor when no engine runs. */
  supervisor(): Promise<{ file: string; args: string[]; env: Record<string, string | undefined> }>;
  /** How to end a running engine, for a hint. */
  stopCommand: string;
  log(line: string): void;
}

const START_MS = 120_000;

/**
 * Joins the engine of a data folder, or starts one in a process group of its own, so that a terminal's Ctrl-C reaches
 * the command and not the engine. A supervisor that is killed is replaced while the command lives.
 * Throws a {@link UsageError} when a running engine works with another key or server than this command's, and an Error
 * that names the folder when its disk is full and the command needs pictures analysed.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  let released = false;
  let trouble: string | null = null;
  const told = (status: Status): void => {
    if (released || status.trouble === trouble) return;
    trouble = status.trouble;
    options.log(
      trouble === null
        ? 'The engine goes on: what it waited for is mended.'
        : `The engine waits. ${trouble} It goes on by itself then, and nothing that was answered is lost.`,
    );
  };
  const joined = await join(options, told);
  let { attachment } = joined;
  const { status, started } = joined;
  if (options.worker && status.trouble !== null) {
    released = true;
    await attachment.leave();
    throw new Error(status.trouble);
  }
  const mine = options.worker ? options.settings(attachment.token) : {};
  const differing = compareSettings(mine, status.settings);
  if (differing.must.length > 0) {
    await attachment.leave();
    throw new UsageError(
      `The engine that runs now was started with another ${differing.must.join(' and ')}. ` +
        `Wait until its runs have ended, or stop it with \`${options.stopCommand}\`, and start this command again.`,
    );
  }
  if (differing.may.length > 0) {
    options.log(
      `The engine that runs now keeps its own ${differing.may.join(', ')}; this command's are not used.`,
    );
  }

  const holds: string[] = [];
  const watch = async (): Promise<void> => {
    await attachment.gone;
    if (released) return;
    options.log('The engine has ended unexpectedly and is started again.');
    ({ attachment } = await join(options, told));
    for (const workflowId of holds) await attachment.send({ do: 'hold', workflowId });
    void watch().catch(giveUp);
  };
  const giveUp = (error: unknown): void => {
    options.log(
      `The engine could not be started again: ${error instanceof Error ? error.message : String(error)}`,
    );
  };
  void watch().catch(giveUp);

  return {
    address: status.address,
    uiUrl: status.uiUrl,
    startedHere: started,
    trouble: () => trouble,
    async hold(workflowId) {
      holds.push(workflowId);
      await attachment.send({ do: 'hold', workflowId });
    },
    async release() {
      released = true;
      await attachment.leave();
    },
  };
}

/** Asks the engine of a data folder to stop and waits until it has; false when none runs. */
export async function stopEngine(dataDir: string): Promise<boolean> {
  const attachment = await attach(dataDir, { worker: false });
  if (attachment === null) return false;
  await attachment.send({ do: 'stop' });
  await attachment.gone;
  return true;
}

/** Why the engine that runs on a data folder does nothing now, and what to do; `null` when all is well, or none runs. */
export async function engineTrouble(dataDir: string): Promise<string | null> {
  const attachment = await attach(dataDir, { worker: false });
  await attachment?.leave();
  return attachment?.status().trouble ?? null;
}

async function join(
  options: EngineOptions,
  told: (status: Status) => void,
): Promise<{ attachment: Attachment; status: Status; started: boolean }> {
  const deadline = Date.now() + START_MS;
  let supervisor: { failed: boolean } | null = null;
  let saidStopping = false;
  while (Date.now() < deadline && supervisor?.failed !== true) {
    const attachment = await attach(options.dataDir, { worker: options.worker }, told);
    if (attachment === null) {
      supervisor ??= await startSupervisor(options);
      await sleep(100);
      continue;
    }
    const status = await attachment.settled();
    if (status?.state === 'ready') return { attachment, status, started: supervisor !== null };
    if (status?.state === 'failed') throw new Error(status.message ?? 'the engine failed');
    if (status?.state === 'stopping' && !saidStopping) {
      options.log('The engine is stopping: its last calls come to an end first.');
      saidStopping = true;
    }
    await attachment.gone;
    supervisor = null;
  }
  throw new Error(`the engine does not start; its log is ${logOf(options.dataDir, 'engine')}`);
}

/** A supervisor that finds another one at work ends with status 0; that is no failure. */
async function startSupervisor(options: EngineOptions): Promise<{ failed: boolean }> {
  const problem = roomProblem(options.dataDir);
  if (problem !== null) throw new Error(problem);
  const { file, args, env } = await options.supervisor();
  const log = openSync(logOf(options.dataDir, 'engine'), 'a', 0o600);
  const child = spawn(file, args, {
    cwd: options.dataDir,
    env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const outcome = { failed: false };
  child.on('error', () => (outcome.failed = true));
  child.on('exit', (status) => (outcome.failed = status !== 0));
  child.unref();
  return outcome;
}
