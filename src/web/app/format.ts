/** Figures and times as the page shows them: English, digits of one width, times in the reader's own zone. */

const LOCALE = 'en-GB';

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const dayAndTime = new Intl.DateTimeFormat(LOCALE, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});
const timeOfDay = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' });
const timeWithSeconds = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium' });

/** `28,000`. */
export const count = (n: number): string => whole.format(n);

/** `28K`, `1.2M`: where there is room for little. */
export const compact = (n: number): string => short.format(n);

/** `1 picture`, `4,000 pictures`. */
export const counted = (n: number, word: string): string => `${count(n)} ${word}${n === 1 ? '' : 's'}`;

/** `3 of 12`. */
export const of = (n: number, total: number): string => `${count(n)} of ${count(total)}`;

/** Part of a whole, 0 to 1; 0 where there is no whole. */
export const shareOf = (n: number, total: number): number =>
  total > 0 ? Math.min(1, Math.max(0, n / total)) : 0;

/** `37 %`, never 100 before all of it is there and never 0 where there is some. */
export function percent(share: number): string {
  if (share >= 1) return '100 %';
  if (share <= 0) return '0 %';
  return share < 0.01 ? '< 1 %' : `${Math.floor(share * 100)} %`;
}

/** `450 ms`, `9.3 s`, `2 min 05 s`, `1 h 11 min`, `2 d 3 h`; `unknown` for `null`. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms) || ms < 0) return 'unknown';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An estimate or an age, no finer than it is known: `less than a minute`, `12 min`, `3 h 20 min`, `4 d`. */
export function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return 'less than a minute';
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.round(minutes / 1440)} d`;
}

/** `25 Nov 2025, 11:21` of an ISO time, in the reader's zone. */
export const dateTime = (iso: string): string => dayAndTime.format(new Date(iso));

/** `11:21` of an ISO time, in the reader's zone. */
export const clock = (iso: string | number): string => timeOfDay.format(new Date(iso));

/** `11:21:43` of an ISO time, in the reader's zone. */
export const clockWithSeconds = (iso: string): string => timeWithSeconds.format(new Date(iso));

/** `25 Nov 2025, 11:21:43` of a civil time `2025-11-25T11:21:43`, which has no zone and gets none. */
export function civil(time: string): string {
  const [day = '', clock = ''] = time.split('T');
  return clock === '' ? civilDay(day) : `${civilDay(day)}, ${clock}`;
}

const civilDays = new Intl.DateTimeFormat(LOCALE, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** `25 Nov 2025` of `2025-11-25`. */
export const civilDay = (day: string): string => civilDays.format(new Date(`${day}T00:00:00Z`));

/** `764.7 kB` of bytes, in thousands as file managers count them. */
export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const [amount, unit] = bytes < 1e6 ? [bytes / 1e3, 'kB'] : [bytes / 1e6, 'MB'];
  return `${amount.toFixed(1)} ${unit}`;
}

const two = (n: number): string => String(n).padStart(2, '0');
