import { ANALYZE_IMAGES, TASK_QUEUE, workflowIdOf } from '../shared/names.ts';

const ID = workflowIdOf('RUN');

/** What Temporal's own CLI is told to the same effect. */
const LINES = {
  resume: [
    `temporal workflow update execute --workflow-id ${ID} --name resume`,
    '',
    'and with a run that has ended, or whose server has lost it:',
    `temporal workflow start --type ${ANALYZE_IMAGES} --task-queue ${TASK_QUEUE} --workflow-id ${ID} \\`,
    `  --input '{"resumeOf":"RUN","refused":true,"only":["camera-001.jpg"]}'`,
    '(refused and only may be left out; "results" names the place of the runs where it is not the worker\'s own)',
  ],
  pause: [`temporal workflow update execute --workflow-id ${ID} --name pause`],
  cancel: [`temporal workflow cancel --workflow-id ${ID}`],
  'retry-failed': [
    `temporal workflow update execute --workflow-id ${ID} --name retryFailed --input '{"refused":true}'`,
    '(the input may be left out; a run that has ended takes no update: see resume)',
  ],
} as const;

/** The end of a command's help: the same by Temporal's own CLI. */
export const plain = (command: keyof typeof LINES): string =>
  ['', "By Temporal's own CLI:", ...LINES[command].map((line) => (line === '' ? '' : `  ${line}`))].join(
    '\n',
  );
