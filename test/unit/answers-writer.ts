import { openFolderAnswers } from '../../src/worker/adapters/folder-answers.ts';
import { answerOf, keyOf } from './answers-kit.ts';

/** `answers-writer.ts PLACE RUN N`: writes N answers of a run from a process of its own, over and over until it is killed. */
const [place = '', run = '', n = '0'] = process.argv.slice(2);
const store = openFolderAnswers(place);
for (;;) {
  await Promise.all(Array.from({ length: Number(n) }, (_, i) => store.write(keyOf(i), answerOf(i, run))));
  process.stdout.write('pass\n');
}
