// `npx tsx scripts/replay.ts history.json`: runs the workflow code of src/ on a recorded history, with no server and no
// activity. Fails where the code does something else than the history says.
import { argv } from 'node:process';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { replay, WORKFLOWS } from '../test/helpers/replay.ts';

const [file] = argv.slice(2);
if (file === undefined) throw new Error('name a history: npx tsx scripts/replay.ts history.json');

Runtime.install({ logger: new DefaultLogger('WARN') });
await replay(file, { workflowsPath: WORKFLOWS });
console.log(`${file}: the code does what the history says`);
