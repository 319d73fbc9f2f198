import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import { openControl, type Status } from './control.ts';
import { databaseOf, keepDatabase, prepareDatabase } from './database.ts';
import { keepRunning, type Command, type KeptProcess } from './kept-process.ts';
import { takeLock } from './lock.ts';
import { capLogs, logOf } from './logs.ts';
import { endOrphans } from './orphans.ts';
import { choosePorts, waitForPort } from './ports.ts';
import { identityOf } from './processes.ts';
import { roomProblem } from './room.ts';
import { serverClient, type ServerClient } from './server.ts';
import { engineFiles, type EngineProcesses, type Ports } from './state.ts';

/** What an engine consists of, as data. */
export interface EngineSpec {
  dataDir: string;
  namespace: string;
  /** How long ended runs are kept at the server. */
  retentionDays: number;
  /** Chooses among the usual ports; an engine knows nothing else of its purpose. */
  demo: boolean;
  /** The server works on {@link databaseOf} the data folder. */
  commands(ports: Ports): { server: Command; simulator: Command | null; worker: Command };
  /** Settings of its worker, for comparison with those of later commands; the key is told as a hash with the token. */
  settings(token: string): Record<string, string>;
}

export interface SupervisorOptions {
  logger: Logger;
  /** Ends the engine gracefully. */
  signal: AbortSignal;
  graceMs?: { worker: number; server: number };
}

/** A call takes up to 60 s; what it brings must still be recorded. */
const GRACE_MS = { worker: 75_000, server: 10_000 };
const FIRST_COMMAND_MS = 30_000;
const READY_MS = 60_000;
const POLL_MS = 2000;

/**
 * Runs one engine (server, worker, and the simulator where it has one) for as long as a command or a hold needs it,
 * and restarts what dies. While its disk is full no worker runs, and it says why. Returns `busy` at once when another process already does so for this data folder.
 */
export async function supervise(spec: EngineSpec, options: SupervisorOptions): Promise<'ended' | 'busy'> {
  const lock = takeLock(spec.dataDir);
  if (lock === null) return 'busy';
  const files = engineFiles(spec.dataDir);
  try {
    await new Supervisor(spec, options).run();
    return 'ended';
  } finally {
    files.engine.remove();
    lock.release();
  }
}

class Supervisor {
  readonly #spec: EngineSpec;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #grace: { worker: number; server: number };
  readonly #files;
  readonly #token = randomBytes(32).toString('hex');
  readonly #running: Partial<Record<'server' | 'simulator' | 'worker', KeptProcess>> = {};
  readonly #identities: EngineProcesses = {};
  readonly #holds = new Set<string>();
  #serverDeaths = 0;
  /** One that is ending, as there is no room for what it brings. */
  #workerEnds: Promise<void> | null = null;
  /** Why nothing can be recorded now. */
  #room: string | null = null;
  #workerNeeded = false;
  #stopAsked = false;
  #commandsSeen = false;
  #status: Status;

  constructor(spec: EngineSpec, options: SupervisorOptions) {
    this.#spec = spec;
    this.#logger = options.logger;
    this.#signal = options.signal;
    this.#grace = options.graceMs ?? GRACE_MS;
    this.#files = engineFiles(spec.dataDir);
    const settings = spec.settings(this.#token);
    this.#status = { state: 'starting', message: null, trouble: null, address: '', uiUrl: '', settings };
  }

  async run(): Promise<void> {
    const control = await openControl(this.#token, {
      status: () => this.#status,
      onHello: ({ worker }) => {
        this.#commandsSeen = true;
        this.#workerNeeded ||= worker;
        if (this.#status.state === 'ready') this.#look(tell);
      },
      onHold: (workflowId) => this.#holds.add(workflowId),
      onStop: () => (this.#stopAsked = true),
      onLeave: () => undefined,
    });
    const tell = (change: Partial<Status>): void => {
      this.#status = { ...this.#status, ...change };
      control.broadcast(this.#status);
    };
    const supervisor = identityOf(process.pid);
    if (supervisor === null) throw new Error('the supervisor cannot tell when it was started');
    this.#files.engine.write({ supervisor, controlPort: control.port, token: this.#token });

    try {
      await endOrphans(this.#spec.dataDir, this.#grace);
      const { server, commands, ports } = await this.#startServer();
      tell({
        address: `127.0.0.1:${String(ports.server)}`,
        uiUrl: `http://127.0.0.1:${String(ports.ui)}`,
      });
      if (commands.simulator !== null) {
        this.#start('simulator', commands.simulator);
        await waitForPort(ports.simulator, READY_MS);
      }
      tell({ state: 'ready' });
      await this.#serve(server, commands.worker, () => control.connected(), tell);
      tell({ state: 'stopping' });
      await server.close();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#logger.error({ message }, 'the engine failed');
      tell({ state: 'failed', message });
      await this.#untilHeard();
    } finally {
      await this.#stopAll();
      this.#files.processes.remove();
      control.close();
    }
  }

  /** One that fails at once still tells the command that has started it and is about to ask. */
  async #untilHeard(): Promise<void> {
    for (let waited = 0; !this.#commandsSeen && waited < FIRST_COMMAND_MS; waited += 50) await sleep(50);
  }

  #ending(): boolean {
    return this.#stopAsked || this.#signal.aborted;
  }

  /** Until the last command and hold are gone, or a stop is asked. */
  async #serve(
    server: ServerClient,
    worker: Command,
    commands: () => number,
    tell: (change: Partial<Status>) => void,
  ): Promise<void> {
    const began = Date.now();
    let polled = began;
    while (!this.#ending()) {
      const mayWork = this.#workerNeeded && this.#room === null && this.#workerEnds === null;
      if (mayWork && this.#running.worker === undefined) this.#start('worker', worker);
      if (Date.now() - polled > POLL_MS) {
        for (const id of this.#holds) if (await server.hasEnded(id)) this.#holds.delete(id);
        polled = Date.now();
        this.#look(tell);
        if (this.#room === null) capLogs(this.#spec.dataDir);
      }
      const waitsForFirst = !this.#commandsSeen && Date.now() - began < FIRST_COMMAND_MS;
      if (commands() === 0 && this.#holds.size === 0 && !waitsForFirst) return;
      await sleep(50);
    }
  }

  /** Looks whether it can work, and ends the worker where what it brings could not be recorded. */
  #look(tell: (change: Partial<Status>) => void): void {
    const room = roomProblem(this.#spec.dataDir, this.#room !== null);
    // In the words in which it was told first: how much is left changes all the time.
    this.#room = room === null ? null : (this.#room ?? room);
    const { worker } = this.#running;
    if (this.#room !== null && worker !== undefined) {
      delete this.#running.worker;
      this.#workerEnds = worker.stop(this.#grace.worker).then(() => void (this.#workerEnds = null));
    }
    const trouble = this.#room ?? (this.#running.server?.failing() === true ? this.#failing() : null);
    if (trouble === this.#status.trouble) return;
    this.#logger.warn({ trouble }, trouble === null ? 'the engine goes on' : 'the engine waits');
    tell({ trouble });
  }

  #failing(): string {
    return (
      'The Temporal server ends again and again; its last words are in ' +
      `${logOf(this.#spec.dataDir, 'server')}.`
    );
  }

  /** The server on ports that are free; another choice of ports when it dies over one that was taken meanwhile. */
  async #startServer() {
    for (let attempt = 1; ; attempt++) {
      const ports = await choosePorts(attempt === 1 ? this.#files.ports.read() : null, this.#spec.demo);
      const commands = this.#spec.commands(ports);
      this.#start('server', commands.server);
      const server = serverClient(`127.0.0.1:${String(ports.server)}`, this.#spec.namespace);
      const deaths = this.#serverDeaths;
      const hope = (): boolean => this.#serverDeaths < deaths + 2 && !this.#ending();
      if (await server.ready(READY_MS, hope)) {
        keepDatabase(databaseOf(this.#spec.dataDir));
        await server.keepEndedRuns(this.#spec.retentionDays);
        await server.setIdentity(`the embedded server of ${this.#spec.dataDir} on ${hostname()}`);
        this.#files.ports.write(ports);
        return { server, commands, ports };
      }
      await server.close();
      await this.#running.server?.stop(this.#grace.server);
      if (attempt === 2 || this.#ending()) {
        throw new Error(
          roomProblem(this.#spec.dataDir) ??
            `the Temporal server does not start; its last words are in ${logOf(this.#spec.dataDir, 'server')}`,
        );
      }
    }
  }

  #start(name: 'server' | 'simulator' | 'worker', command: Command): void {
    this.#running[name] = keepRunning(command, {
      cwd: this.#spec.dataDir,
      log: logOf(this.#spec.dataDir, name),
      beforeStart: () => {
        if (name === 'server') prepareDatabase(databaseOf(this.#spec.dataDir));
      },
      onStart: (identity) => {
        this.#identities[name] = identity;
        this.#logger.info({ process: name, pid: identity.pid }, `${name} started`);
        this.#recordProcesses();
      },
      onExit: (how, restartMs) => {
        if (name === 'server') this.#serverDeaths += 1;
        this.#logger.warn({ process: name, how, restartMs }, `${name} ended by itself and is started again`);
      },
    });
  }

  /** A full disk is no reason to end: a successor finds the server by its command line too. */
  #recordProcesses(): void {
    try {
      this.#files.processes.write(this.#identities);
    } catch (error) {
      this.#logger.warn({ message: String(error) }, 'the processes could not be recorded');
    }
  }

  /** Worker first, so that the calls in flight can still be recorded. */
  async #stopAll(): Promise<void> {
    await Promise.all([this.#running.worker?.stop(this.#grace.worker), this.#workerEnds]);
    await this.#running.simulator?.stop(this.#grace.server);
    await this.#running.server?.stop(this.#grace.server);
  }
}
