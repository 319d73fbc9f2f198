import { signal } from '@preact/signals';

const said = signal('');

/** Says a change to those who hear the page, once the screen reader has nothing else to say. */
export function announce(text: string): void {
  // The same text twice in a row would not be said again.
  said.value = said.value === text ? `${text}\u00a0` : text;
}

/** Where it is said; once a page, always there. */
export function LiveRegion() {
  return (
    <div class="visually-hidden" aria-live="polite" role="status">
      {said}
    </div>
  );
}
