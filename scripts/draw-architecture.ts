// `npx tsx scripts/draw-architecture.ts`: draws the layers of src/ and their imports into docs/architecture.md.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The document that holds the drawing. */
export const ARCHITECTURE = join(ROOT, 'docs', 'architecture.md');

const BEGIN = '<!-- drawn by scripts/draw-architecture.ts: begin -->';
const END = '<!-- drawn by scripts/draw-architecture.ts: end -->';

/** Outside of `src/`, what is worth a node: the services. */
const SERVICES: Record<string, string> = {
  '@temporalio': 'Temporal',
  openai: 'OpenAI API',
  '@google-cloud': 'Cloud Storage',
};

type Kind = 'value' | 'type';

/** A file's imports. `import()` counts as a value, a specifier list that is all `type` as a type. */
function importsOf(file: string): { specifier: string; kind: Kind }[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const found: { specifier: string; kind: Kind }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, kind: kindOf(node.importClause) });
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      found.push({ specifier: node.moduleSpecifier.text, kind: node.isTypeOnly ? 'type' : 'value' });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [path] = node.arguments;
      if (path && ts.isStringLiteral(path)) found.push({ specifier: path.text, kind: 'value' });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function kindOf(clause: ts.ImportClause | undefined): Kind {
  if (clause === undefined) return 'value';
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return 'type';
  const named = clause.namedBindings;
  const allTypes =
    clause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly);
  return allTypes ? 'type' : 'value';
}

/** `worker/adapters/gcs.ts` is the adapters'; any other file is its first folder's, or a layer by itself. */
function layerOf(path: string): string {
  if (path.startsWith('worker/adapters/')) return 'worker/adapters';
  return path.split('/')[0] ?? path;
}

/** A mermaid graph of the layers: an arrow for an import, a dotted one where only types are imported. */
export function drawArchitecture(src: string): string {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.split(sep).join(posix.sep));
  const edges = new Map<string, Kind>();
  const services = new Set<string>();
  for (const name of files) {
    for (const { specifier, kind } of importsOf(join(src, name))) {
      const from = layerOf(name);
      const to = specifier.startsWith('.')
        ? layerOf(
            relative(src, resolve(src, dirname(name), specifier))
              .split(sep)
              .join(posix.sep),
          )
        : SERVICES[specifier.split('/')[0] ?? ''];
      if (to === undefined || to === from) continue;
      if (!specifier.startsWith('.')) {
        if (kind === 'type') continue;
        services.add(to);
      }
      const edge = `${from}\n${to}`;
      if (edges.get(edge) !== 'value') edges.set(edge, kind);
    }
  }
  const layers = [...new Set(files.map(layerOf))].sort();
  const id = (name: string): string => name.replace(/\W+/g, '_');
  return [
    'flowchart TD',
    ...layers.map((layer) => `  ${id(layer)}["${layer}"]`),
    ...[...services].sort().map((service) => `  ${id(service)}(["${service}"])`),
    ...[...edges]
      .map(([edge, kind]) => {
        const [from = '', to = ''] = edge.split('\n');
        return `  ${id(from)} ${kind === 'value' ? '-->' : '-.->'} ${id(to)}`;
      })
      .sort(),
  ].join('\n');
}

/** The document with this drawing between its markers. Throws when it has none. */
export function withDrawing(document: string, drawing: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`no ${BEGIN} … ${END}`);
  const before = document.slice(0, begin + BEGIN.length);
  return `${before}\n\n\`\`\`mermaid\n${drawing}\n\`\`\`\n\n${document.slice(end)}`;
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  const document = readFileSync(ARCHITECTURE, 'utf8');
  writeFileSync(ARCHITECTURE, withDrawing(document, drawArchitecture(join(ROOT, 'src'))));
}
