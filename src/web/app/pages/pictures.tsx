import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';

export function PicturesPage({ run }: { run: string }) {
  return (
    <RunHead run={run} current="pictures">
      <Heading title="Pictures" />
    </RunHead>
  );
}
