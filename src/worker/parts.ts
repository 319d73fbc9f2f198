import { type AnswerStore, type Model, ModelError, type OpenSource } from '../activities/ports.ts';
import { createPictureMemory, type PictureMemory } from '../activities/picture-memory.ts';
import type { EncodedPicture } from '../activities/prepare-picture.ts';
import { createRunFiles, type RunFiles } from '../activities/run-files.ts';
import { programVersion, type Config } from '../config.ts';
import { createGcs } from './adapters/gcs.ts';
import { createOpenAiModel } from './adapters/openai.ts';
import { createOpenAnswers } from './adapters/open-answers.ts';
import { createOpenSource } from './adapters/open-source.ts';
import { createOpenStore } from './adapters/open-store.ts';
import type { Watch } from './watch.ts';

/** What a worker works with, made from its settings: the only place that chooses between adapters. */
export interface Parts {
  files: RunFiles;
  openSource: OpenSource;
  /** Paid answers, of all runs. */
  answers: AnswerStore;
  model: Model;
  /** Of all runs that the worker serves. */
  pictures: PictureMemory<EncodedPicture>;
  /** Name and version of this program, as `run.json` records them. */
  program: string;
}

/** `watch`: what looks on at the calls to the model. */
export function createParts(config: Config, watch?: Pick<Watch, 'model' | 'fetch'>): Parts {
  const gcs = createGcs({ apiEndpoint: config.gcsEndpoint });
  const model = needsKey(config)
    ? modelWithoutKey()
    : createOpenAiModel({
        ...config,
        timeoutMs: config.modelTimeoutMs,
        simulated: config.account.simulated,
        ...(watch?.fetch === undefined ? {} : { fetch: watch.fetch }),
      });
  return {
    files: createRunFiles(createOpenStore(gcs)),
    openSource: createOpenSource(gcs),
    answers: createOpenAnswers(gcs)(config.answers),
    model: watch?.model(model) ?? model,
    pictures: createPictureMemory({ maxBytes: config.pictureMemoryBytes }),
    program: programVersion(),
  };
}

/** A server of one's own may need no key; OpenAI's always does. */
const needsKey = (config: Config): boolean =>
  config.apiKey === null && !config.account.simulated && config.account.endpoint === 'api.openai.com';

function modelWithoutKey(): Model {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new ModelError("OPENAI_API_KEY is not set in the worker's environment.", {
        origin: 'api',
        status: 401,
        code: 'missing_api_key',
      }),
    );
  return { ask: refuse, check: refuse };
}
