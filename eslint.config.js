import { builtinModules } from 'node:module';
import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * Import directions. A layer is a folder of `src/` or one of the files beside them. For each: the other layers whose
 * code it may use (`values`) and those of which it may know the shapes only (`types`, by `import type`).
 */
const LAYERS = {
  shared: { values: [], types: [] },
  workflows: { values: ['shared'], types: ['activities'] },
  activities: { values: ['shared'], types: [] },
  codec: { values: ['shared', 'config'], types: [] },
  connection: { values: ['shared', 'config'], types: [] },
  worker: { values: ['shared', 'activities', 'codec', 'connection', 'config', 'logger'], types: [] },
  client: { values: ['shared', 'codec', 'connection', 'config', 'logger'], types: ['workflows'] },
  web: { values: ['shared', 'client', 'config', 'logger'], types: [] },
  simulator: { values: ['shared', 'logger'], types: [] },
  config: { values: ['shared'], types: [] },
  logger: { values: ['shared'], types: [] },
};
const PLACES = [...Object.keys(LAYERS), 'cli'];

/** Clients of a vendor's service: behind the ports, in one folder. */
const VENDORS = {
  regex: '^(openai|@google-cloud/.*)(/|$)',
  message: 'Vendor clients: src/worker/adapters only.',
};

/** A second door to the environment. */
const PROCESS = {
  regex: '^(node:)?process$',
  message: 'Use the global process; its env is for src/cli.ts.',
};

const NODE = `^(node:.*|(${builtinModules.filter((name) => !name.startsWith('_')).join('|')})(/.*)?)$`;

/** What runs in the workflows' sandbox, or is imported there: no I/O, and of Temporal only what the sandbox has. */
const SANDBOX = [
  { regex: NODE, message: 'Workflows are deterministic: no Node module here.' },
  {
    regex: '^@temporalio/(worker|client|activity|core-bridge|testing)',
    message: 'Not available to a workflow: @temporalio/workflow and @temporalio/common are.',
  },
];

/** Files that lie in `src/` itself reach the others by `./`, those in its folders by `../`. */
const restricted = (layer) => {
  const { values, types } = LAYERS[layer];
  const up = layer === 'config' || layer === 'logger' ? '\\./' : '(\\.\\./)+';
  const places = (names) => `^${up}(${names.join('|')})(/|\\.ts$)`;
  const forbidden = PLACES.filter((place) => place !== layer && ![...values, ...types].includes(place));
  return [
    { regex: places(forbidden), message: `${layer} may import: ${[...values, 'its own files'].join(', ')}.` },
    ...(types.length > 0
      ? [
          {
            regex: places(types),
            allowTypeImports: true,
            message: `Of ${types.join(', ')}: import type only.`,
          },
        ]
      : []),
    ...(layer === 'workflows' ? SANDBOX : []),
    ...(layer === 'shared' ? [{ regex: '^[^.]', message: 'shared imports nothing from outside.' }] : []),
  ];
};

const imports = (patterns) => ({ '@typescript-eslint/no-restricted-imports': ['error', { patterns }] });

const filesOf = (layer) => [`src/${layer}/**/*.ts`, `src/${layer}.ts`];

/** The page's application runs in a browser: of ours it sees what it says to its server, and pure rules. */
const IN_BROWSER = [
  {
    regex:
      '^(\\.\\./)+(client|codec|connection|workflows|activities|worker|simulator|config|logger|cli)(/|\\.ts$)',
    message: 'src/web/app may import: shared, ../api.ts, its own files.',
  },
  { regex: NODE, message: 'There is no Node in a browser.' },
];

export default defineConfig(
  { ignores: ['dist/', 'dist.*/', 'node_modules/', 'results/', '.image-analysis/', 'coverage/'] },
  { linterOptions: { noInlineConfig: true } },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/return-await': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // Numbers in texts are what this program prints all day.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // An async function without await may be there for an interface that needs a promise.
      '@typescript-eslint/require-await': 'off',
      // Our objects are closures from factories: their methods know no `this` and may be taken off.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      ...imports([VENDORS, PROCESS]),
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'The environment enters in src/cli.ts, is read in src/config.ts, and nowhere else.',
        },
      ],
    },
  },
  ...Object.keys(LAYERS).map((layer) => ({
    files: filesOf(layer),
    rules: imports([...restricted(layer), VENDORS, PROCESS]),
  })),
  { files: ['src/web/app/**/*.{ts,tsx}'], rules: imports([...IN_BROWSER, VENDORS, PROCESS]) },
  { files: ['src/worker/adapters/**/*.ts'], rules: imports([...restricted('worker'), PROCESS]) },
  {
    files: ['src/workflows/**/*.ts'],
    rules: {
      // Date, Math.random, setTimeout and the like are Temporal's own, deterministic ones in there; these are not.
      'no-restricted-globals': ['error', 'process', 'fetch', 'Buffer', 'WeakRef', 'FinalizationRegistry'],
    },
  },
  {
    // Matchers such as expect.objectContaining() are of type any.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unsafe-assignment': 'off' },
  },
  { files: ['src/cli.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        performance: 'readonly',
      },
    },
  },
);
