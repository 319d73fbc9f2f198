import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ErrorState, Skeleton } from './states.tsx';

/** A page whose code is loaded when it is opened for the first time. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [Page, setPage] = useState<ComponentType<Props> | undefined>(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (Page !== undefined) return;
      load().then(
        (page) => {
          loaded = page;
          setPage(() => page);
        },
        () => setFailed(true),
      );
    }, []);
    if (Page !== undefined) return <Page {...props} />;
    if (!failed) return <Skeleton what="the page" lines={6} />;
    return (
      <ErrorState
        error={{ message: 'This page could not be loaded. The server may have been updated or stopped.' }}
        retry={() => location.reload()}
      />
    );
  };
}
