import { useEffect, useRef } from 'preact/hooks';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import { server } from './addresses.ts';

const FORMATS = [
  { format: 'csv', name: 'CSV', for: 'for a spreadsheet' },
  { format: 'html', name: 'HTML', for: 'report with small pictures, to be mailed' },
  { format: 'json', name: 'JSON', for: 'one document' },
  { format: 'ndjson', name: 'NDJSON', for: 'one answer a line' },
] as const;

/** Files of the pictures that the query finds. */
export function ExportMenu({ run, query }: { run: string; query: PictureQuery }) {
  const menu = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      const { current } = menu;
      if (current === null || !current.open) return;
      if (event instanceof KeyboardEvent) {
        if (event.key !== 'Escape') return;
        event.preventDefault();
        current.querySelector('summary')?.focus();
      } else if (event.target instanceof Node && current.contains(event.target)) return;
      current.open = false;
    };
    // Before the page's own keys: Escape closes the menu alone.
    window.addEventListener('keydown', close, { capture: true });
    window.addEventListener('pointerdown', close);
    return () => {
      window.removeEventListener('keydown', close, { capture: true });
      window.removeEventListener('pointerdown', close);
    };
  }, []);
  return (
    <details ref={menu} class="menu">
      <summary class="button">Export</summary>
      <ul class="menu-items">
        {FORMATS.map(({ format, name, for: purpose }) => (
          <li key={format}>
            <a
              class="menu-item"
              href={server.exported(run, format, query)}
              download
              onClick={() => {
                if (menu.current !== null) menu.current.open = false;
              }}
            >
              <span>{name}</span> <span class="muted small">{purpose}</span>
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}
