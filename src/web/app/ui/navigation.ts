/** How the address was reached that is shown now. */
type Navigation = 'first' | 'push' | 'pop';

let last: Navigation = 'first';

/** Notes each change of the address; to be called once, before the first rendering. */
export function followNavigation(): void {
  // The router says so by events of these names.
  window.addEventListener('pushState', () => (last = 'push'));
  window.addEventListener('popstate', () => (last = 'pop'));
}

export const lastNavigation = (): Navigation => last;
