import type { PicturePage } from '../src/web/api.ts';
import type { TestBrowser } from '../test/helpers/browser.ts';

export interface Scroll {
  pixels: number;
  /** Pictures that the page says there are. */
  total: number;
  seconds: number;
  frames: number;
  medianMs: number;
  p99Ms: number;
  longestMs: number;
  /** Frames of more than 50 ms. */
  over: number;
  /** Tasks of more than 50 ms, as the browser itself counts them. */
  longTasks: number;
  longestTaskMs: number;
}

const LONG_FRAME_MS = 50;

/**
 * Scrolls through all pictures of a run from top to bottom, by an equal step at each frame, and measures the time from
 * one frame to the next. With a `speed` it scrolls so many pixels a second, and comes as far as it does.
 */
export async function scrollThrough(
  browser: TestBrowser,
  url: string,
  run: string,
  seconds: number,
  speed: number | null = null,
): Promise<Scroll> {
  const { page, problems, close } = await browser.open();
  try {
    await page.goto(`${url}/runs/${run}/pictures`);
    await page.locator(`a[href*="/runs/${run}/pictures/"]`).first().waitFor({ timeout: 60_000 });
    const answer = await page.request.get(`${url}/api/runs/${run}/pictures?from=0&take=1`);
    const { total } = (await answer.json()) as PicturePage;
    const { deltas, tasks, pixels, end } = await page.evaluate<Measured>(measuring(seconds, speed));
    if (end < 0.99) throw new Error(`the scroll ended after ${(end * 100).toFixed(0)} % of its way`);
    if (problems.length > 0) throw new Error(problems.slice(0, 5).join('\n'));
    const sorted = [...deltas].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
    return {
      pixels,
      total,
      seconds: deltas.reduce((sum, ms) => sum + ms, 0) / 1_000,
      frames: deltas.length,
      medianMs: at(0.5),
      p99Ms: at(0.99),
      longestMs: at(1),
      over: deltas.filter((ms) => ms > LONG_FRAME_MS).length,
      longTasks: tasks.length,
      longestTaskMs: Math.max(0, ...tasks),
    };
  } finally {
    await close();
  }
}

interface Measured {
  /** Milliseconds from each frame to the next. */
  deltas: number[];
  /** Milliseconds of each long task. */
  tasks: number[];
  pixels: number;
  /** How far it came of its way: 1 is the end. */
  end: number;
}

/** Runs in the browser, in so many seconds at 60 frames a second. What scrolls is the window, or one of its elements. */
const measuring = (seconds: number, speed: number | null): string => `(async () => {
  const scroller = [...document.querySelectorAll('*')].reduce(
    (best, element) =>
      /auto|scroll/.test(getComputedStyle(element).overflowY) && element.scrollHeight > best.scrollHeight ? element : best,
    document.scrollingElement,
  );
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
  observer.observe({ entryTypes: ['longtask'] });
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  const pixels = Math.min(scroller.scrollHeight - scroller.clientHeight, ${speed === null ? 'Infinity' : speed * seconds});
  const step = pixels / (${seconds} * 60);
  const deltas = [];
  await frame();
  let last = await frame();
  for (let top = step; top < pixels + step; top += step) {
    scroller.scrollTop = top;
    const now = await frame();
    deltas.push(now - last);
    last = now;
  }
  observer.disconnect();
  return { deltas, tasks, pixels, end: scroller.scrollTop / pixels };
})()`;
