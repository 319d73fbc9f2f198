import { Argument, Command, CommanderError, Option } from 'commander';
import { address as checkAddress, programVersion } from '../config.ts';
import type { StopFlags } from './commands/cancel.ts';
import type { AskFlags } from './commands/ask.ts';
import type { CacheFlags } from './commands/cache.ts';
import type { CodecServerFlags } from './commands/codec-server.ts';
import type { Shell } from './commands/completion.ts';
import type { DoctorFlags } from './commands/doctor.ts';
import type { LimitsFlags } from './commands/limits.ts';
import type { PurgeFlags } from './commands/purge.ts';
import type { ResultsFlags } from './commands/results.ts';
import type { ResumeFlags } from './commands/resume.ts';
import { plain } from './plain-lines.ts';
import type { StatusFlags } from './commands/status.ts';
import type { ServeFlags } from './commands/serve.ts';
import type { SimulatorFlags } from './commands/simulator.ts';
import { EXIT, UsageError, type Deps } from './deps.ts';
import { exitStatusOf, messageOf } from './errors.ts';
import { EXPORT_FORMATS } from './export/formats.ts';
import type { RunFlags } from './run-input.ts';

const list = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

const json = (): Option => new Option('--json', 'one JSON object a line');
const results = (): Option =>
  new Option('--results <place>', 'folder or gs:// place that holds the runs (RESULTS)');
const address = (): Option =>
  new Option('--address <host:port>', 'use this Temporal server (TEMPORAL_ADDRESS), not the embedded one');
const onBlock = (): Option =>
  new Option(
    '--on-block <wait|exit>',
    'what to do when the run blocks (default: wait on a terminal, else exit)',
  );
const prompts = (): Option => new Option('--prompts <file>', 'YAML file of questions (PROMPTS_FILE)');
const model = (): Option => new Option('--model <name>', 'model that sees pictures (MODEL)');
const detail = (): Option => new Option('--detail <low|high|auto>', 'how finely it looks (IMAGE_DETAIL)');

const noPage = (): Option =>
  new Option('--no-page', 'serve no page beside the run (it is served where a person is at a terminal)');

const refused = (): Option => new Option('--refused', 'ask those again, too, that the model declined');
const only = (): Option =>
  new Option('--only <name>', 'of this picture only; may be repeated').argParser(list);
const serverIsGone = (): Option =>
  new Option('--server-is-gone', 'start the run here, though another server had not ended it');
const stoppable = 'default: the newest one that has not ended';

const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish', 'powershell'];

const rpm = (): Option => new Option('--rpm <n>', 'requests a minute, for the account from now on');
const tpm = (): Option => new Option('--tpm <n>', 'tokens a minute, for the account from now on');

/** Where help and errors go. */
export interface Output {
  stdout: NodeJS.WritableStream;
  stderr: NodeJS.WritableStream;
}

/** Runs a command line and returns its exit status. Every error is told on `stderr`, in words and without a stack. */
export async function runProgram(args: string[], depsOf: () => Deps, output: Output): Promise<number> {
  try {
    let status: number = EXIT.ok;
    const program = createProgram(depsOf, (result) => (status = result), output);
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (error) {
    // Commander has told its own errors already; its help is none.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    output.stderr.write(`${messageOf(error)}\n`);
    return exitStatusOf(error);
  }
}

/**
 * The command line: flags to commands, and nothing else. `depsOf` is called when a command runs, so that help works
 * with wrong settings.
 */
function createProgram(depsOf: () => Deps, exit: (status: number) => void, output: Output): Command {
  const program = new Command('image-analysis').configureOutput({
    writeOut: (text) => void output.stdout.write(text),
    writeErr: (text) => void output.stderr.write(text),
  });
  const run =
    <T extends unknown[]>(command: (deps: Deps, ...args: T) => Promise<number>) =>
    async (...args: T): Promise<void> => {
      const flags = args.at(-2) as { address?: string } | undefined;
      exit(await command(withAddress(depsOf(), flags?.address), ...args));
    };

  program
    .description(
      'Asks a vision model a set of questions about every picture of a folder or a bucket, durably, on Temporal.\n' +
        'Without a command: a demonstration with a simulated model, which spends nothing.',
    )
    .usage('[command] [options]')
    .version(programVersion(), '-V, --version', 'name and version of the program')
    .enablePositionalOptions()
    .argument('[command]')
    .addOption(noPage())
    .addOption(json())
    .action(
      run(async (deps, command: string | undefined, flags: { json?: boolean; page?: boolean }) => {
        if (command !== undefined) {
          const hidden = ['engine', 'complete'];
          const known = program.commands.map((sub) => sub.name()).filter((name) => !hidden.includes(name));
          throw new UsageError(
            `There is no command ${JSON.stringify(command)}; there are ${known.join(', ')}.`,
          );
        }
        return (await import('./commands/demo.ts')).demoCommand(deps, flags);
      }),
    )
    .exitOverride();

  program
    .command('run')
    .description('analyse every picture of a folder or of gs://bucket/prefix/')
    .argument('<source>')
    .addOption(prompts())
    .addOption(model())
    .addOption(detail())
    .option('--limits <auto|rpm/tpm>', 'both limits, or auto: what the provider says')
    .addOption(rpm())
    .addOption(tpm())
    .option('--batch-size <n>', 'pictures side by side in one child workflow')
    .option('--concurrency <n>', 'calls in flight (default: what the limits need)')
    .option('--include <glob>', 'only pictures whose name matches; may be repeated', list)
    .option('--exclude <glob>', 'no pictures whose name matches; may be repeated', list)
    .option('--limit <n>', 'the first n pictures only')
    .addOption(results())
    .option('--name <id>', 'name of the run (default: the time)')
    .option('--retention <days>', 'how long the embedded server keeps ended runs (RETENTION_DAYS)')
    .option('--priority <1-5>', '1: before every run of a higher number; equals take turns (default: 3)')
    .option('--fresh', 'ask everything, whatever earlier runs have paid for')
    .option('--notify <url>', 'is told once when the run ends, fails or blocks')
    .option('--detach', 'leave the run to the engine and end')
    .option('--dry-run', 'count pictures, calls, tokens and time, and ask nothing')
    .addOption(onBlock())
    .addOption(noPage())
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, source: string, flags: RunFlags) =>
        (await import('./commands/run.ts')).runCommand(deps, source, flags),
      ),
    );

  program
    .command('resume')
    .description('go on with a run, whatever stopped or ended it; only what is missing is asked')
    .argument('[run]', 'default: the newest one that has not ended, or lacks answers')
    .addOption(refused())
    .addOption(only())
    .addOption(serverIsGone())
    .addOption(results())
    .addOption(onBlock())
    .addOption(noPage())
    .addOption(address())
    .addOption(json())
    .addHelpText('after', plain('resume'))
    .action(
      run(async (deps, name: string | undefined, flags: ResumeFlags) =>
        (await import('./commands/resume.ts')).resumeCommand(deps, name, flags),
      ),
    );

  program
    .command('pause')
    .description('stop asking; calls in flight end and are recorded')
    .argument('[run]', stoppable)
    .addOption(results())
    .addOption(address())
    .addOption(json())
    .addHelpText('after', plain('pause'))
    .action(
      run(async (deps, name: string | undefined, flags: StopFlags) =>
        (await import('./commands/pause.ts')).pauseCommand(deps, name, flags),
      ),
    );

  program
    .command('cancel')
    .description('end a run early; what is answered is kept, and resume goes on with it')
    .argument('[run]', stoppable)
    .addOption(results())
    .addOption(address())
    .addOption(json())
    .addHelpText('after', plain('cancel'))
    .action(
      run(async (deps, name: string | undefined, flags: StopFlags) =>
        (await import('./commands/cancel.ts')).cancelCommand(deps, name, flags),
      ),
    );

  program
    .command('retry-failed')
    .description('ask again what failed, also of a run under way')
    .argument('[run]', 'default: the newest one that has not ended, or lacks answers')
    .addOption(refused())
    .addOption(only())
    .addOption(serverIsGone())
    .addOption(results())
    .addOption(onBlock())
    .addOption(noPage())
    .addOption(address())
    .addOption(json())
    .addHelpText('after', plain('retry-failed'))
    .action(
      run(async (deps, name: string | undefined, flags: ResumeFlags) =>
        (await import('./commands/retry-failed.ts')).retryFailedCommand(deps, name, flags),
      ),
    );

  program
    .command('ask')
    .description('ask about one picture, and see everything that is sent and comes back')
    .argument('<picture>', 'path, or gs://bucket/object')
    .option('--prompt <id>', 'this question only')
    .addOption(prompts())
    .addOption(model())
    .addOption(detail())
    .addOption(json())
    .action(
      run(async (deps, picture: string, flags: AskFlags) =>
        (await import('./commands/ask.ts')).askCommand(deps, picture, flags),
      ),
    );

  program
    .command('worker')
    .description('work for a Temporal server')
    .addOption(address())
    .addOption(new Option('--with-parent').hideHelp())
    .action(
      run(async (deps, flags: { address?: string; withParent?: boolean }) =>
        (await import('./commands/worker.ts')).workerCommand(deps, flags),
      ),
    );

  program
    .command('status')
    .description('how a run stands, with or without a worker')
    .argument('[run]', 'default: the newest')
    .option('--watch', 'go on showing it until it ends; Ctrl-C ends the command, not the run')
    .addOption(results())
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, name: string | undefined, flags: StatusFlags) =>
        (await import('./commands/status.ts')).statusCommand(deps, name, flags),
      ),
    );

  program
    .command('list')
    .description('every run, newest first')
    .addOption(results())
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, flags: { json?: boolean; results?: string }) =>
        (await import('./commands/list.ts')).listCommand(deps, flags),
      ),
    );

  program
    .command('limits')
    .description("show or set the account's limits a minute, while runs go on")
    .argument('[auto]', 'leave both to what the provider says')
    .addOption(rpm())
    .addOption(tpm())
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, both: string | undefined, flags: LimitsFlags) =>
        (await import('./commands/limits.ts')).limitsCommand(deps, both, flags),
      ),
    );

  const resultsOf = program
    .command('results')
    .helpCommand(false)
    .description('what the pictures of a run show')
    .argument('[run]', 'default: the newest')
    .option('--match <prompt>', 'the pictures that match a question; alone: their names, one a line')
    .option('--missing', 'which answers are missing and why, and how to ask again')
    .addOption(
      new Option('--format <form>', 'a row for each picture and question; html: a report').choices(
        EXPORT_FORMATS,
      ),
    )
    .option('--output <file>', 'write there, with --format')
    .option('--count <n>', 'only pictures that match with a count of at least n')
    .option('--error <kind>', 'only pictures without an answer: any, unasked, or a kind such as Refused')
    .option('--camera <name>', 'only pictures of this camera, as their names say it; none: of no camera')
    .option('--day <date>', 'only pictures of this day, such as 2025-11-25; none: of no day')
    .option('--hour <h>', 'only pictures of this hour of the day, 0 to 23; none: of no time')
    .option('--text <words>', 'only pictures with these words in their name or a description')
    .addOption(results())
    .addOption(json())
    .action(
      run(async (deps, name: string | undefined, flags: ResultsFlags) =>
        (await import('./commands/results.ts')).resultsCommand(deps, name, flags),
      ),
    );

  resultsOf
    .command('rebuild')
    .description('write results.json again from the answers that are recorded')
    .argument('<run>')
    .addOption(results())
    .addOption(address())
    .action(
      run(async (deps, name: string, flags: { results?: string }) =>
        (await import('./commands/rebuild.ts')).rebuildCommand(deps, name, flags),
      ),
    );

  program
    .command('doctor')
    .description(
      'check every link from the Temporal server to the pictures, and say how to mend what is wrong',
    )
    .argument('[source]', 'the pictures too: a folder, or gs://bucket/prefix/')
    .option('--ask', 'also ask the model one small question, which is billed')
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, source: string | undefined, flags: DoctorFlags) =>
        (await import('./commands/doctor.ts')).doctorCommand(deps, source, flags),
      ),
    );

  program
    .command('cache')
    .description('the paid answers that later runs recall (ANSWERS): show, or remove what is of no use')
    .argument('<stats|prune>', 'prune removes what no run could use, and what --older-than says')
    .option('--older-than <age>', 'prune: answers written longer ago than that, such as 30d')
    .addOption(json())
    .action(
      run(async (deps, act: string, flags: CacheFlags) =>
        (await import('./commands/cache.ts')).cacheCommand(deps, act, flags),
      ),
    );

  program
    .command('purge')
    .description('remove for good what is older, or one picture from every result, kept answer and history')
    .option(
      '--older-than <age>',
      'runs, kept answers and ended executions in Temporal older than that, such as 30d',
    )
    .option('--picture <uri>', 'one picture, by its address as results.json has it')
    .option('--yes', 'do it without asking; what it would remove is told all the same')
    .addOption(results())
    .addOption(address())
    .addOption(json())
    .action(
      run(async (deps, flags: PurgeFlags) => (await import('./commands/purge.ts')).purgeCommand(deps, flags)),
    );

  program
    .command('serve')
    .description('serve a page of runs, pictures and results, for this machine alone unless --host says more')
    .option('--port <n>', '0: any free one (default: 8080, or else the next free one)')
    .option('--host <address>', 'beyond this machine it needs PAGE_TOKEN_FILE (default: 127.0.0.1)')
    .addOption(results())
    .addOption(address())
    .action(
      run(async (deps, flags: ServeFlags) => (await import('./commands/serve.ts')).serveCommand(deps, flags)),
    );

  program
    .command('ui')
    .description("serve the embedded Temporal server's Web UI for a run, without a worker")
    .argument('[run]', 'default: the newest')
    .addOption(results())
    .action(
      run(async (deps, name: string | undefined, flags: { results?: string }) =>
        (await import('./commands/ui.ts')).uiCommand(deps, name, flags),
      ),
    );

  program
    .command('stop')
    .description('end the embedded engine, also one that --detach left')
    .action(run(async (deps) => (await import('./commands/stop.ts')).stopCommand(deps)));

  program
    .command('simulator')
    .description('a server that behaves as OpenAI does, for trying things out')
    .option('--port <n>', '0: any free one', '0')
    .option('--host <address>', 'to listen at; it lets in whoever reaches it', '127.0.0.1')
    .option('--rpm <n>', 'requests a minute', '500')
    .option('--tpm <n>', 'tokens a minute', '30000')
    .option('--latency <ms>', 'median time of a call', '9000')
    .option('--competitor <share>', 'of the account that another process takes, such as 0.4', '0')
    .option('--no-rate-headers', 'say nothing of the limits in the headers')
    .option('--seed <n>', 'of faults, times and wrong answers', '1')
    .option('--fault <kind=share>', 'such as server-error=0.1; may be repeated', list, [])
    .addOption(new Option('--with-parent').hideHelp())
    .action(
      run(async (deps, flags: SimulatorFlags) =>
        (await import('./commands/simulator.ts')).simulatorCommand(deps, flags),
      ),
    );

  program
    .command('codec-server')
    .description('let the Temporal Web UI read what CODEC_KEYS_FILE encrypted (docs/privacy.md)')
    .requiredOption('--origin <url>', 'of the Temporal Web UI, such as http://localhost:8080')
    .option('--port <n>', '0: any free one', '8888')
    .option('--host <address>', 'to listen at; beyond this machine it needs a token', '127.0.0.1')
    .option('--token-file <file>', 'file of a token that it asks for')
    .action(
      run(async (deps, flags: CodecServerFlags) =>
        (await import('./commands/codec-server.ts')).codecServerCommand(deps, flags),
      ),
    );

  program
    .command('completion')
    .description('a script that completes commands, options and names of runs in your shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action(async (shell: Shell) =>
      exit((await import('./commands/completion.ts')).completionCommand(shell, output.stdout)),
    );

  // What those scripts ask. Settings are read when a run's name is wanted, so that wrong ones spoil nothing else.
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) =>
      exit(
        await (
          await import('./commands/completion.ts')
        ).completeCommand(program, words, depsOf, output.stdout),
      ),
    );

  program
    .command('engine', { hidden: true })
    .requiredOption('--temporal <path>')
    .action(
      run(async (deps, flags: { temporal: string }) =>
        (await import('./commands/engine.ts')).engineCommand(deps, flags),
      ),
    );

  return program;
}

function withAddress(deps: Deps, flag: string | undefined): Deps {
  if (flag === undefined) return deps;
  return { ...deps, addressFlag: flag, config: { ...deps.config, address: checkAddress(flag, '--address') } };
}
