import type { Command } from 'commander';

/** What a shell offers at one place of a command line. */
export interface Completions {
  values: { value: string; description: string }[];
  /** The shell's own completion of files goes on from here. */
  files: boolean;
}

/** Placeholders of options and arguments in whose place a path stands. */
const PATHS = ['file', 'place', 'source', 'picture'];

const NOTHING: Completions = { values: [], files: false };

/**
 * Pure but for `runs`, which is asked when a run's name is wanted: what can stand for the last of the words that follow
 * the program's name. It is `''` after a space. Bash splits words at `=`; the other shells do not.
 */
export async function completionsOf(
  program: Command,
  words: readonly string[],
  runs: () => Promise<string[]>,
): Promise<Completions> {
  const last = words.at(-1) ?? '';
  const { command, position, waiting } = walk(program, words.slice(0, -1));
  const glued = /^(--[\w-]+)=(.*)$/.exec(last);
  const [option, typed] =
    glued === null
      ? [waiting, last === '=' ? '' : last]
      : [optionOf(command, glued[1] ?? ''), glued[2] ?? ''];
  const found = await (async (): Promise<Completions> => {
    if (option !== null) return ofPlaceholder(placeholderOf(option.flags), option.argChoices, runs);
    if (glued !== null) return NOTHING;
    if (typed.startsWith('-')) return optionsOf(command);
    const argument = command.registeredArguments[position];
    const ofArgument =
      argument === undefined ? NOTHING : await ofPlaceholder(argument.name(), argument.argChoices, runs);
    // `results rebuild`: a command that takes an argument may have commands of its own.
    const subcommands = position === 0 ? commandsOf(command) : [];
    return { ...ofArgument, values: [...subcommands, ...ofArgument.values] };
  })();
  return { ...found, values: found.values.filter(({ value }) => value.startsWith(typed)) };
}

type Option = Command['options'][number];

/** Where the words before lead: to which command, its how manieth argument, and the option whose value is next. */
function walk(
  program: Command,
  words: readonly string[],
): { command: Command; position: number; waiting: Option | null } {
  let command = program;
  let position = 0;
  let waiting: Option | null = null;
  for (const word of words) {
    if (word === '=') continue;
    if (waiting !== null) waiting = null;
    else if (word.startsWith('-')) {
      const option = optionOf(command, word);
      if (option !== null && option.required) waiting = option;
    } else {
      const subcommand = position === 0 ? command.commands.find((sub) => sub.name() === word) : undefined;
      if (subcommand === undefined) position += 1;
      else command = subcommand;
    }
  }
  return { command, position, waiting };
}

const optionOf = (command: Command, name: string): Option | null =>
  command.options.find(({ long, short }) => long === name || short === name) ?? null;

const placeholderOf = (flags: string): string => /<([^>]+)>/.exec(flags)?.[1] ?? '';

function optionsOf(command: Command): Completions {
  const visible = command.createHelp().visibleOptions(command);
  const values = visible.flatMap(({ long, description }) =>
    typeof long === 'string' ? [{ value: long, description }] : [],
  );
  return { values, files: false };
}

const commandsOf = (command: Command): Completions['values'] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => ({ value: sub.name(), description: sub.description() }));

async function ofPlaceholder(
  placeholder: string,
  choices: readonly string[] | undefined,
  runs: () => Promise<string[]>,
): Promise<Completions> {
  if (PATHS.includes(placeholder)) return { values: [], files: true };
  const words =
    choices ??
    (placeholder === 'run'
      ? await runs()
      : // `<wait|exit>` names what it takes; `<auto|rpm/tpm>` a word and a form.
        placeholder.includes('|')
        ? placeholder.split('|').filter((word) => /^[a-z]+$/.test(word))
        : []);
  return { values: words.map((value) => ({ value, description: '' })), files: false };
}
