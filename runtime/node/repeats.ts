/**
 * Few notices out of many that say the same.
 *
 * 1. The first of its kind (component, event, `like`) is told at once. What comes within `repeatWindowMs` is counted,
 *    and told as one at the window's end, with the last sentence; and so on while it goes on.
 * 2. A notice that ends an event is told after what was counted of that event; the next one of it is told at once again.
 * 3. Above `maxRepeatKinds` kinds at a time, further ones are counted with the others of their component and event.
 * 4. What is for debugging is told as it comes.
 */

import type { Clock } from "./clock.ts";
import { maxRepeatKinds, repeatWindowMs } from "./limits.ts";
import type { Notice, Report } from "./notice.ts";

interface Window {
  readonly component: string;
  readonly event: string;
  sinceMs: number;
  /** Not told yet. */
  times: number;
  last: Notice;
}

export class Repeats {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #tell: Report;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Pick<Clock, "nowMs">, tell: Report) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(notice: Notice): void {
    if (notice.level === "debug") return this.#tell(notice);
    const { component, event, times = 1 } = notice;
    if (notice.ends !== undefined) this.#end(component, notice.ends);
    const key = this.#keyOf(notice);
    const window = this.#windows.get(key);
    if (window === undefined) {
      this.#windows.set(key, { component, event, sinceMs: this.#clock.nowMs(), times: 0, last: notice });
      this.#tell(notice);
    } else {
      window.times += times;
      window.last = notice;
      this.#endIfOver(key, window);
    }
  }

  #keyOf({ component, event, like = "" }: Notice): string {
    const key = `${component}\n${event}\n${like}`;
    return this.#windows.has(key) || this.#windows.size < maxRepeatKinds ? key : `${component}\n${event}\n`;
  }

  /** Tells what was counted in windows that are over. To be called every second or so. */
  check(): void {
    for (const [key, window] of this.#windows) this.#endIfOver(key, window);
  }

  #endIfOver(key: string, window: Window): void {
    if (this.#clock.nowMs() - window.sinceMs < repeatWindowMs) return;
    if (window.times === 0) this.#windows.delete(key);
    else this.#tellCounted(window);
  }

  #end(component: string, event: string): void {
    for (const [key, window] of this.#windows) {
      if (window.component !== component || window.event !== event) continue;
      this.#tellCounted(window);
      this.#windows.delete(key);
    }
  }

  /** Tells all that is counted by now. */
  close(): void {
    for (const window of this.#windows.values()) this.#tellCounted(window);
    this.#windows.clear();
  }

  #tellCounted(window: Window): void {
    const { sinceMs, times, last } = window;
    const nowMs = this.#clock.nowMs();
    window.sinceMs = nowMs;
    window.times = 0;
    if (times === 0) return;
    const seconds = Math.max(1, Math.round((nowMs - sinceMs) / 1000));
    const count = times === 1 ? "once more" : `${times} times`;
    this.#tell({
      ...last,
      message: `${last.message} (repeated ${count} in ${seconds} s)`,
      fields: { ...last.fields, repeated: times, repeatedS: seconds },
    });
  }
}
