import { Link } from 'wouter-preact';

const TABS = [
  { tab: 'run', word: 'Run', path: '' },
  { tab: 'pictures', word: 'Pictures', path: '/pictures' },
  { tab: 'summary', word: 'Summary', path: '/summary' },
] as const;

export type Tab = (typeof TABS)[number]['tab'];

export const runPath = (run: string, rest = ''): string => `/runs/${encodeURIComponent(run)}${rest}`;

/** The pages of one run, as links. */
export function RunTabs({ run, current }: { run: string; current: Tab | null }) {
  return (
    <nav class="tabs" aria-label={`Run ${run}`}>
      {TABS.map(({ tab, word, path }) => (
        <Link
          key={tab}
          href={runPath(run, path)}
          class="tab"
          aria-current={tab === current ? 'page' : undefined}
        >
          {word}
        </Link>
      ))}
    </nav>
  );
}
