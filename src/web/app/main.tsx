import { render } from 'preact';
import { Link, Route, Switch } from 'wouter-preact';
import { Heading } from './ui/heading.tsx';
import { Layout } from './ui/layout.tsx';
import { lazy } from './ui/lazy.tsx';
import { followNavigation } from './ui/navigation.ts';
import { EmptyState } from './ui/states.tsx';

const RunsPage = lazy(async () => (await import('./pages/runs.tsx')).RunsPage);
const RunPage = lazy(async () => (await import('./pages/run.tsx')).RunPage);
const PicturesPage = lazy(async () => (await import('./pages/pictures.tsx')).PicturesPage);
const PicturePage = lazy(async () => (await import('./pages/picture.tsx')).PicturePage);
const SummaryPage = lazy(async () => (await import('./pages/summary.tsx')).SummaryPage);
const ComparePage = lazy(async () => (await import('./pages/compare.tsx')).ComparePage);
const LoginPage = lazy(async () => (await import('./pages/login.tsx')).LoginPage);

function NotFound() {
  return (
    <div class="stack">
      <Heading title="There is no such page" />
      <EmptyState title="The address leads nowhere">
        <p>
          <Link href="/">All runs</Link>
        </p>
      </EmptyState>
    </div>
  );
}

/** Pages of a run are made anew for another run: nothing of the one is ever shown under the name of the other. */
function App() {
  return (
    <Layout>
      <Switch>
        <Route path="/">
          <RunsPage />
        </Route>
        <Route path="/login">
          <LoginPage />
        </Route>
        <Route path="/runs/:run">{({ run }) => <RunPage key={run} run={run} />}</Route>
        <Route path="/runs/:run/pictures">{({ run }) => <PicturesPage key={run} run={run} />}</Route>
        <Route path="/runs/:run/pictures/:at">
          {({ run, at }) => <PicturePage key={run} run={run} at={Number(at)} />}
        </Route>
        <Route path="/runs/:run/summary">{({ run }) => <SummaryPage key={run} run={run} />}</Route>
        <Route path="/compare/:left/:right">
          {({ left, right }) => <ComparePage key={`${left}/${right}`} left={left} right={right} />}
        </Route>
        <Route>
          <NotFound />
        </Route>
      </Switch>
    </Layout>
  );
}

const root = document.getElementById('app');
if (root !== null) {
  followNavigation();
  render(<App />, root);
}
