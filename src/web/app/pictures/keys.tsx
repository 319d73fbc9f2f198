import { useEffect, useRef } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';

/** Whether a key is typed into something, or meant for the browser or an open dialog, rather than for the page. */
function isForPage(press: KeyboardEvent): boolean {
  if (press.defaultPrevented || press.ctrlKey || press.metaKey || press.altKey) return false;
  const { target } = press;
  if (!(target instanceof Element)) return true;
  return target.closest('input, textarea, select, dialog, [contenteditable]') === null;
}

/**
 * Keys of a page, by their name (`ArrowLeft`, `j`, `?`). They work wherever the focus is, but for where one types.
 * A handler that returns `false` leaves the key to the browser.
 */
export function useKeys(handlers: Record<string, () => void | false>): void {
  const now = useRef(handlers);
  now.current = handlers;
  useEffect(() => {
    const hear = (press: KeyboardEvent): void => {
      const handle = Object.hasOwn(now.current, press.key) ? now.current[press.key] : undefined;
      if (handle === undefined || !isForPage(press)) return;
      if (handle() !== false) press.preventDefault();
    };
    window.addEventListener('keydown', hear);
    return () => window.removeEventListener('keydown', hear);
  }, []);
}

/** What the keys of a page do. */
export function KeysDialog(props: {
  keys: readonly (readonly [keys: string[], does: string])[];
  onClose: () => void;
}) {
  return (
    <Dialog title="Keys" onClose={props.onClose}>
      <dl class="keys">
        {props.keys.map(([keys, does]) => (
          <div key={does} class="keys-line">
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-buttons">
        <form method="dialog">
          <Button type="submit">Close</Button>
        </form>
      </div>
    </Dialog>
  );
}
