import { useState } from 'preact/hooks';
import { post, type ProblemError } from '../api-client.ts';
import { asProblem } from '../hooks.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { ErrorState } from '../ui/states.tsx';

/** Exchanges the page's token for a cookie. The token stands in no address and is kept nowhere. */
export function LoginPage() {
  const [error, setError] = useState<ProblemError | null>(null);
  const [busy, setBusy] = useState(false);

  const enter = async (token: string): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await post('/api/session', { token });
      location.replace(nextPath(location.search));
    } catch (refused) {
      setError(asProblem(refused));
      setBusy(false);
    }
  };

  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        const token = new FormData(event.currentTarget).get('token');
        if (typeof token === 'string') void enter(token.trim());
      }}
    >
      <Heading title="This page asks for its token" />
      <p>It stands in the file that PAGE_TOKEN_FILE names on the machine that serves the page.</p>
      <Field label="Token">
        {(id) => (
          <input
            id={id}
            name="token"
            type="password"
            class="input"
            autocomplete="current-password"
            required
          />
        )}
      </Field>
      {error !== null && <ErrorState error={error} />}
      <Button type="submit" kind="primary" busy={busy}>
        Open the page
      </Button>
    </form>
  );
}

/** A path of this page and nothing else: an address of another host in the query leads nowhere. */
function nextPath(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/';
  if (!URL.canParse(next, location.origin)) return '/';
  const url = new URL(next, location.origin);
  return url.origin === location.origin && url.pathname !== '/login' ? url.pathname + url.search : '/';
}
