/** What a picture's name tells of where and when it was taken. */
export interface PicturePlace {
  camera: string | null;
  /** Civil time as the name says it, no zone applied: `2025-11-25T11:21:43`. */
  time: string | null;
}

/** `20251125_112143`, `2025-11-25T11-21-43`, `20251125112143` and the like; milliseconds may follow. */
const TIME =
  /(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})[T _-]?(\d{2})([-_.:]?)(\d{2})\6(\d{2})(?:[._]?\d{3})?(?!\d)/g;

/** What phones and programs put before the time: it names no camera. Nor does `none`, which asks for those without one. */
const NO_CAMERA =
  /^(?:img|image|dsc|dcim|pxl|vid|pic|picture|photo|snapshot|screenshot|frame|capture|none)$/i;

const NOTHING: PicturePlace = { camera: null, time: null };

/**
 * Camera and civil time from a name such as `LALAPET_10_246_8_9_20251125_112143.jpg`: the camera is what stands before
 * the time, or the folder where nothing does. Both are `null` for a name that holds no time which a clock can show, so
 * that nothing is guessed. Of several times the last one counts.
 */
export function placeInName(name: string): PicturePlace {
  const slash = name.lastIndexOf('/');
  const base = name.slice(slash + 1);
  let time: string | null = null;
  let before = '';
  for (const match of base.matchAll(TIME)) {
    const [, year = '', , month = '', day = '', hour = '', , minute = '', second = ''] = match;
    if (!isTime(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second)))
      continue;
    time = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
    before = base.slice(0, match.index);
  }
  if (time === null) return NOTHING;
  const camera = trimmed(before);
  if (camera !== '' && !NO_CAMERA.test(camera)) return { camera, time };
  const folder = slash < 0 ? '' : name.slice(name.lastIndexOf('/', slash - 1) + 1, slash);
  // A folder a day is no camera.
  return { camera: folder === '' || /^(?:[\d\-_. ]+|none)$/i.test(folder) ? null : folder, time };
}

/** Without the separators at its ends. */
function trimmed(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && SEPARATORS.includes(text.charAt(from))) from += 1;
  while (to > from && SEPARATORS.includes(text.charAt(to - 1))) to -= 1;
  return text.slice(from, to);
}

const SEPARATORS = '-_ .';

function isTime(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): boolean {
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return false;
  return day >= 1 && (day <= 28 || day <= daysIn(year, month));
}

/** Days of a month from 1 to 12. */
export const daysIn = (year: number, month: number): number =>
  new Date(Date.UTC(year, month, 0)).getUTCDate();
