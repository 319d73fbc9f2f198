import { Heading } from '../ui/heading.tsx';

export function ComparePage({ left, right }: { left: string; right: string }) {
  return <Heading title={`${left} and ${right}`} />;
}
