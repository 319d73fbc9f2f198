import { AxeBuilder } from '@axe-core/playwright';
import chromium from '@sparticuz/chromium';
import { chromium as playwright, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** How a page is looked at. */
export interface View {
  name: string;
  width: number;
  height: number;
  theme: 'light' | 'dark';
}

const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

export const viewOf = (size: keyof typeof SIZES, theme: View['theme']): View => ({
  name: `${size} ${theme}`,
  ...SIZES[size],
  theme,
});

/** Desk and phone, light and dark. */
export const VIEWS: readonly View[] = [
  viewOf('desk', 'light'),
  viewOf('desk', 'dark'),
  viewOf('phone', 'light'),
  viewOf('phone', 'dark'),
];

/** A page in a browser's context of its own, with all that went wrong in it. */
export interface OpenedPage {
  page: Page;
  context: BrowserContext;
  /** Errors of the console, errors that nobody caught, and violations of the Content-Security-Policy. */
  problems: string[];
  close(): Promise<void>;
}

export interface TestBrowser {
  /** A fresh context: no cookies, no storage. Animations are off. */
  open(view?: View): Promise<OpenedPage>;
  close(): Promise<void>;
}

/** Why no browser can run here; `null` where one can. For `test.skipIf`, with the reason in the test's name. */
export const whyNoBrowser = (): string | null =>
  process.platform === 'linux' && process.arch === 'x64'
    ? null
    : `the browser of these tests runs on Linux x64, and this is ${process.platform} ${process.arch}`;

/**
 * Chromium with its own protection on. Its package's `chromium.args` are not used: they hold `--disable-web-security`,
 * with which a cross-origin test proves nothing, and `--single-process`, with which closing one context ends it.
 *
 * `rebound`: names of hosts that lead to 127.0.0.1, as a name server in a stranger's hand would have it.
 */
export async function openBrowser(options: { rebound?: readonly string[] } = {}): Promise<TestBrowser> {
  const why = whyNoBrowser();
  if (why !== null) throw new Error(why);
  const browser = await launch(options.rebound ?? []);
  return {
    open: (view = viewOf('desk', 'light')) => openPage(browser, view),
    close: () => browser.close(),
  };
}

async function launch(rebound: readonly string[]): Promise<Browser> {
  const executablePath = await chromium.executablePath();
  const rules = rebound.map((host) => `MAP ${host} 127.0.0.1`).join(', ');
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  try {
    return await playwright.launch({
      executablePath,
      args: rules === '' ? args : [...args, `--host-resolver-rules=${rules}`],
    });
  } catch (error) {
    throw new Error(
      'Chromium does not start. Where it names a shared library that is missing, install it (Debian and Ubuntu: ' +
        'apt-get install libnss3 libnspr4).',
      { cause: error },
    );
  }
}

/** Runs in the browser. */
const TELL_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (event) => {
  console.error('Content-Security-Policy: ' + event.effectiveDirective + ' forbids ' + event.blockedURI);
});`;

async function openPage(browser: Browser, view: View): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width: view.width, height: view.height },
    colorScheme: view.theme,
    hasTouch: view.width < 500,
    reducedMotion: 'reduce',
    acceptDownloads: true,
    // Times of files are civil times; what is shown in the reader's own zone is then the same everywhere.
    timezoneId: 'UTC',
    locale: 'en-GB',
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.addInitScript({ content: TELL_VIOLATIONS });
  return { page, context, problems, close: () => context.close() };
}

/** What axe finds against WCAG 2.2 A and AA and its best practices, one line a kind, with the elements. */
export async function axeFindings(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
  );
}

/** How far the page is wider than its window, in pixels: on a phone nothing may have to be pushed sideways. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

/** Waits until nothing is loading any more: no grey lines, and every picture in the window is there or said not to be. */
export async function settled(page: Page, ms = 30_000): Promise<void> {
  const end = Date.now() + ms;
  for (let quiet = 0; quiet < 3;) {
    const loading = await page.evaluate<number>(LOADING);
    quiet = loading === 0 ? quiet + 1 : 0;
    if (Date.now() > end) throw new Error(`${loading} things are still loading after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs in the browser. What is below the window is loaded when it comes into view. */
const LOADING = `document.querySelectorAll('[class*="skeleton"], .thumb-waiting').length +
  [...document.images].filter((image) => !image.complete && image.getBoundingClientRect().top < innerHeight).length`;
