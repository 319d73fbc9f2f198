import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';

export function SummaryPage({ run }: { run: string }) {
  return (
    <RunHead run={run} current="summary">
      <Heading title="Summary" />
    </RunHead>
  );
}
