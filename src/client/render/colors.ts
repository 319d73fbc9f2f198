/**
 * Whether a program paints what it writes: on a terminal, unless `NO_COLOR` has a value (no-color.org); `FORCE_COLOR`
 * asks for it elsewhere too, or with `0` or `false` forbids it.
 */
export function colorsWanted(
  { NO_COLOR, FORCE_COLOR }: Readonly<Record<string, string | undefined>>,
  interactive: boolean,
): boolean {
  if (NO_COLOR) return false;
  if (FORCE_COLOR === undefined) return interactive;
  return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
}
