import { setTimeout as sleep } from 'node:timers/promises';
import { script } from '@bomb.sh/tab';
import type { Command } from 'commander';
import { completionsOf } from '../completions.ts';
import { EXIT, type Deps } from '../deps.ts';
import { runsOf } from '../find-run.ts';

export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell';

const PROGRAM = 'image-analysis';

/**
 * `completion SHELL`: prints the script that makes a shell complete this program. Those of zsh, fish and PowerShell are
 * the library's. Its script for bash needs the package bash-completion, completes no files, and hands the words typed
 * and offered to `eval` and `compgen -W`, which run what stands in `$(…)`; hence one of our own.
 */
export function completionCommand(shell: Shell, out: NodeJS.WritableStream): number {
  if (shell === 'bash') out.write(BASH);
  else script(shell, PROGRAM, PROGRAM);
  return EXIT.ok;
}

const BASH = `# Completes ${PROGRAM} in bash.
_image_analysis() {
  local line cur=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :0) ;;
      :*) compopt +o default +o bashdefault 2>/dev/null ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _image_analysis ${PROGRAM}
`;

/** Signs of the scripts' protocol: the shell completes files by itself, or does not. */
const FILES = ':0';
const NO_FILES = ':4';

/** A person waits no longer for the names of runs in a bucket. */
const PATIENCE_MS = 1_000;

/** What a shell may be told of a run's name: it may take other characters for its own. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** `complete -- WORDS`: what can stand for the last word, one a line, with its description after a tab. */
export async function completeCommand(
  program: Command,
  words: readonly string[],
  depsOf: () => Deps,
  out: NodeJS.WritableStream,
): Promise<number> {
  const { values, files } = await completionsOf(program, words, () => runNames(words, depsOf));
  for (const { value, description } of values) {
    out.write(`${value}\t${description.replaceAll('\n', ' ')}\n`);
  }
  out.write(`${files ? FILES : NO_FILES}\n`);
  return EXIT.ok;
}

/** Newest first; none where the settings or the place do not allow to look. Starts nothing. */
async function runNames(words: readonly string[], depsOf: () => Deps): Promise<string[]> {
  const typed = words.filter((word) => word !== '=');
  const flag = typed.indexOf('--results');
  const place = flag < 0 ? undefined : typed[flag + 1];
  const names = async (): Promise<string[]> => {
    try {
      return await runsOf(depsOf(), place).runs.names();
    } catch {
      return [];
    }
  };
  const found = await Promise.race([names(), sleep(PATIENCE_MS, [], { ref: false })]);
  return found.filter((name) => SAFE_NAME.test(name));
}
