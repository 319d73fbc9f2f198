import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';

export function RunPage({ run }: { run: string }) {
  return (
    <RunHead run={run} current="run">
      <Heading title={run} />
    </RunHead>
  );
}
