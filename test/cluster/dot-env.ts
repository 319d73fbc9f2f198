import { readFileSync } from 'node:fs';
import { CANARY_KEY } from '../helpers/cli.ts';

/** Characters that a database's address or a shell would have to quote are part of it. */
const PASSWORD = 'p@ss:w/rd';

/** `.env` as a person makes it from `.env.example`: the demanded values filled in, and a few of their own. */
export const dotEnv = (own: Readonly<Record<string, string>>): Record<string, string> => ({
  ...valuesIn('.env.example'),
  POSTGRES_PASSWORD: PASSWORD,
  OPENAI_API_KEY: CANARY_KEY,
  ...own,
});

/** What the profile `offline` is started with besides. */
export const offlineEnv = (): Record<string, string> => valuesIn('deploy/offline.env');

const valuesIn = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line): [string, string][] => {
        const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value]];
      }),
  );
