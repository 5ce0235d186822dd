/**
 * A real Chromium, headless, and what happens on a page in it.
 *
 * 1. It is the machine's own (Debian package `chromium`): playwright-core drives it and downloads nothing.
 * 2. It has no network: no name resolves, and only the loopback address is reached.
 * 3. Of each page everything is kept that should not happen: errors, complaints, requests to other hosts.
 */

import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { programPath, skipUnlessInstalled } from "./required.ts";

// Where it is imported, the library looks for WSL, in a file below /proc/sys that Deno opens only to a program that
// may do everything. With this set it does not look: https://github.com/sindresorhus/is-wsl
const dontLookForWsl = "__IS_WSL_TEST__";
Deno.env.set(dontLookForWsl, "1");
const { chromium } = await import("playwright-core");
Deno.env.delete(dontLookForWsl);

const program = "chromium";
/** A cold start on a busy machine takes some seconds. */
const startDeadlineMs = 30_000;
/** What a page is waited for, unless a test says otherwise. */
const waitDeadlineMs = 10_000;

/** To be passed as a test's `ignore`. */
export function skipUnlessChromium(test: string): boolean {
  return skipUnlessInstalled(test, [program]);
}

export class Chromium implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<Chromium> {
    const browser = await chromium.launch({
      executablePath: programPath(program),
      timeout: startDeadlineMs,
      // As root, as in CI, Chromium starts only without its sandbox; it opens nothing but pages of our own.
      chromiumSandbox: false,
      args: ["--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
    });
    return new Chromium(browser);
  }

  /** Opens a page of a server of ours, in a profile of its own. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await this.#browser.newContext(options);
    context.setDefaultTimeout(waitDeadlineMs);
    const visit = new Visit(await context.newPage(), new URL(url).origin);
    await visit.page.goto(url);
    return visit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

export class Visit {
  readonly page: Page;
  readonly #origin: string;
  readonly #problems: string[] = [];

  constructor(page: Page, origin: string) {
    this.page = page;
    this.#origin = origin;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#problems.push(`script error: ${error.message}`));
    page.on("dialog", (dialog) => {
      this.#problems.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.#origin && protocol !== "data:") this.#problems.push(`request: ${request.url()}`);
    });
  }

  /** What went wrong on the page, but for what is `expected`. */
  problems(expected?: RegExp): readonly string[] {
    return this.#problems.filter((problem) => expected === undefined || !expected.test(problem));
  }

  /**
   * Waits until there is what `locator` finds, and it is visible.
   *
   * @param what ends "Waited … for": what is waited for.
   */
  async until(what: string, locator: Locator, deadlineMs = waitDeadlineMs): Promise<void> {
    try {
      await locator.first().waitFor({ timeout: deadlineMs });
    } catch (cause) {
      const text = await this.page.locator("body").innerText();
      throw new Error(`Waited ${Math.round(deadlineMs)} ms for ${what}. The page says:\n${text}`, { cause });
    }
  }

  /** Waits until the text of an element that `selector` finds matches. */
  untilText(selector: string, pattern: RegExp, deadlineMs = waitDeadlineMs): Promise<void> {
    const locator = this.page.locator(selector).filter({ hasText: pattern });
    return this.until(`${selector} to match ${pattern}`, locator, deadlineMs);
  }
}
