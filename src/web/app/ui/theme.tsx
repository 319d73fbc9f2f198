import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'theme';
const THEMES: { theme: Theme; word: string }[] = [
  { theme: 'system', word: 'System colours' },
  { theme: 'light', word: 'Light' },
  { theme: 'dark', word: 'Dark' },
];

/** What the person chose; kept in this browser. */
export const theme = signal<Theme>(kept());

apply(theme.value);

/** A browser may forbid a page to keep anything: the choice holds for this visit then. */
function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    return 'system';
  }
}

function apply(chosen: Theme): void {
  const root = document.documentElement;
  if (chosen === 'system') delete root.dataset['theme'];
  else root.dataset['theme'] = chosen;
}

function choose(chosen: Theme): void {
  apply(chosen);
  theme.value = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // As in kept().
  }
}

export function ThemeToggle() {
  return (
    <label class="theme-toggle">
      <span class="visually-hidden">Colours</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => choose(currentTarget.value as Theme)}
        class="select select-quiet"
      >
        {THEMES.map(({ theme, word }) => (
          <option key={theme} value={theme}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}
