import type { ComponentChildren } from 'preact';
import { Link, useRoute } from 'wouter-preact';
import type { PageInfo } from '../../api.ts';
import { useLoaded } from '../hooks.ts';
import { SimulatedBadge } from './badge.tsx';
import { LiveRegion } from './live-region.tsx';
import { type Tab, RunTabs } from './tabs.tsx';
import { ThemeToggle } from './theme.tsx';

/** What is around every page. */
export function Layout({ children }: { children: ComponentChildren }) {
  const [atRuns] = useRoute('/');
  const [atLogin] = useRoute('/login');
  const { data } = useLoaded<PageInfo>(atLogin ? null : '/api/page');
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="header">
        <div class="header-inner">
          <Link href="/" class="brand">
            image-analysis
          </Link>
          <nav aria-label="Pages" class="header-nav">
            <Link href="/" class="header-link" aria-current={atRuns ? 'page' : undefined}>
              Runs
            </Link>
          </nav>
          {data?.simulated === true && <SimulatedBadge />}
          <ThemeToggle />
        </div>
      </header>
      <main id="main" tabIndex={-1} class="main">
        {children}
      </main>
      {data !== null && (
        <footer class="footer">
          <span>
            Results in <code>{data.root}</code>
          </span>
          <span>Version {data.version}</span>
        </footer>
      )}
      <LiveRegion />
    </>
  );
}

/** The head of one of a run's pages: the way back, the page's `h1`, what belongs beside it, and the run's other pages. */
export function RunHead(props: {
  run: string;
  current: Tab | null;
  /** The page's {@link Heading}, and what stands beside it. */
  children: ComponentChildren;
}) {
  return (
    <div class="run-head">
      <nav class="crumbs" aria-label="Where you are">
        <Link href="/">Runs</Link>
        <span aria-hidden="true">/</span>
        <span>{props.run}</span>
      </nav>
      <div class="run-head-title">{props.children}</div>
      <RunTabs run={props.run} current={props.current} />
    </div>
  );
}
