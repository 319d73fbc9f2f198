import { readFile } from 'node:fs/promises';
import type { Node } from 'yaml';
import { isNode, Lexer, LineCounter, parseDocument, Parser } from 'yaml';
import { promptSetProblems } from '../shared/prompt-rules.ts';
import type { PromptSet } from '../shared/types.ts';

/** A file of prompts that cannot be used. The message names the file, the line and the remedy. */
class PromptsFileError extends Error {
  override readonly name = 'PromptsFileError';
}

/** Some twice as much as the most questions of the greatest length take. */
const MOST_CHARACTERS = 1_000_000;

/** Nodes within nodes, as the library's parser counts them; a set of questions has fewer than ten. */
const DEEPEST = 100;

/** How many problems one message names; a person mends them from the top. */
const SHOWN = 10;

/** Reads a file of questions. Throws a {@link PromptsFileError}. Keeps no copy: each run reads it anew. */
export async function loadPrompts(file: string): Promise<PromptSet> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new PromptsFileError(
      `${file} cannot be read (${why}); name the file with --prompts or PROMPTS_FILE.`,
    );
  }
  return parsePrompts(text, file);
}

/** Reads the text of a file of questions; `file` is its name in messages. Throws a {@link PromptsFileError}. */
export function parsePrompts(text: string, file: string): PromptSet {
  const lines = new LineCounter();
  if (text.length > MOST_CHARACTERS) {
    const most = MOST_CHARACTERS.toLocaleString('en-US');
    throw new PromptsFileError(`${file} has more than ${most} characters, which no set of questions has.`);
  }
  checkDepth(text, file);
  // Without `stringKeys` a key may itself be a map, and keys in keys take a time that doubles with each.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0) {
    refuse(
      document.errors.map(({ message, pos: [offset] }) => `${position(file, lines, offset)}: ${message}`),
    );
  }
  let given: unknown;
  try {
    given = document.toJS();
  } catch (error) {
    throw new PromptsFileError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const problems = promptSetProblems(given);
  if (problems.length === 0) return given as PromptSet;
  return refuse(
    problems.map(({ field, problem }) => {
      const offset = nodeAt(document, field)?.range?.[0] ?? 0;
      return `${position(file, lines, offset)}: ${field === '' ? '' : `${field}: `}${problem}`;
    }),
  );
}

/**
 * Nesting is bounded before the document is composed: the library follows it with its own calls, and where the stack ends
 * inside a pattern that is being compiled, V8 ends the process (measured on Node 20).
 */
function checkDepth(text: string, file: string): void {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme));
    if (parser.stack.length > DEEPEST) {
      throw new PromptsFileError(`${file} is nested too deeply to be a set of questions.`);
    }
  }
}

function refuse(problems: string[]): never {
  const more = problems.length > SHOWN ? [`… and ${problems.length - SHOWN} more`] : [];
  throw new PromptsFileError([...problems.slice(0, SHOWN), ...more].join('\n'));
}

function position(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}, line ${Math.max(line, 1)}, column ${Math.max(col, 1)}`;
}

/** The node that a field such as `prompts[2].id` names, or the nearest above it where the field is missing. */
function nodeAt(document: { getIn(path: unknown[], keep: boolean): unknown }, field: string): Node | null {
  const path = field.split(/[.[\]]+/).filter((part) => part !== '');
  for (let depth = path.length; depth >= 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node)) return node;
  }
  return null;
}
