import { appendFileSync } from 'node:fs';
import { readConfig } from '../../src/config.ts';
import { createModelWorker } from './model-worker.ts';

/**
 * A process that serves the model's calls and is killed when it reads one picture, as the system does to one that is
 * out of memory. Before, it writes down how many calls are open. Arguments: task queue, name of the picture, file.
 */
const [taskQueue = '', poison = '', file = ''] = process.argv.slice(2);
let open = 0;
const { worker } = await createModelWorker(
  readConfig(process.env, process.cwd()),
  taskQueue,
  ({ openSource, model }) => ({
    openSource: (uri, filter) => {
      const source = openSource(uri, filter);
      return {
        ...source,
        async read(image, signal) {
          if (image.name !== poison) return source.read(image, signal);
          // Others have time to send their calls.
          await new Promise((done) => setTimeout(done, 500));
          appendFileSync(file, `${open}\n`);
          process.kill(process.pid, 'SIGKILL');
          return new Promise<never>(() => {});
        },
      };
    },
    model: {
      ...model,
      async ask(request, signal) {
        open += 1;
        try {
          return await model.ask(request, signal);
        } finally {
          open -= 1;
        }
      },
    },
  }),
);
await worker.run();
