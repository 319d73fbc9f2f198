import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';

export function PicturePage({ run, at }: { run: string; at: number }) {
  return (
    <RunHead run={run} current="pictures">
      <Heading title={`Picture ${at}`} />
    </RunHead>
  );
}
