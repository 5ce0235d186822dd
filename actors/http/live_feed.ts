/**
 * The live feed: one event a second to all who listen.
 *
 * 1. A listener gets its first event at once.
 * 2. Actors are asked once an interval for all listeners together, and not at all when nobody listens.
 * 3. A listener that does not read misses events; nothing is queued for it. After `maxMissedEvents` in a row it is
 *    dropped: a page connects again by itself.
 * 4. The rate of an event is that of the interval that ends with it: slow actors do not delay it.
 */

import { z } from "zod";
import { errorMessage } from "../../runtime/core/errors.ts";
import { type Engine, EngineError, type Moving } from "../../runtime/node/engine.ts";
import { RateMeter } from "../rate_meter.ts";
import type { LogFailure } from "./failure.ts";
import {
  feedAskDeadlineMs,
  feedIntervalMs,
  type HttpLimits,
  maxFeedChannels,
  maxMissedEvents,
} from "./limits.ts";
import type { MovingActors } from "./moving.ts";
import { ProblemError } from "./problem.ts";
import { type LiveEvent, Windows } from "./schemas.ts";

export interface LiveFeedOptions {
  readonly engine: Engine;
  readonly moving: MovingActors;
  readonly limits: HttpLimits;
  readonly log: LogFailure;
}

type MovingActor = LiveEvent["moving"][number];

interface Listener {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** Events in a row that it had no room for. */
  missed: number;
}

const encoder = new TextEncoder();
const Answer = z.object({ channels: Windows.shape.channels });

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #listeners = new Set<Listener>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #rate: RateMeter;
  #perSecond = 0;
  #isTicking = false;
  #moving: readonly MovingActor[] = [];
  #gathering: Promise<void> | null = null;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#rate = new RateMeter(options.engine.status().totals.accepted, performance.now());
    // It runs without listeners too, so that the first of them learns the rate; that costs one status a second.
    this.#timer = setInterval(() => void this.tick(), feedIntervalMs);
    Deno.unrefTimer(this.#timer);
  }

  /** A stream of server-sent events. Throws a problem when too many listen. */
  listen(): ReadableStream<Uint8Array> {
    const { maxListeners } = this.#options.limits;
    if (this.#listeners.size >= maxListeners) {
      throw new ProblemError("too-many-listeners", `The live feed has at most ${maxListeners} listeners.`, {
        headers: { "retry-after": "5" },
      });
    }
    let listener: Listener;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        listener = { controller, missed: 0 };
        this.#listeners.add(listener);
        controller.enqueue(this.#event());
        // What was gathered may be from when somebody listened last.
        void this.#gather().then(() => this.#send(listener));
      },
      cancel: () => void this.#listeners.delete(listener),
      // Room for the first event and the one that follows with the actors.
    }, { highWaterMark: 2 });
  }

  /** Makes an event and hands it to whoever listens. The timer calls it. */
  async tick(): Promise<void> {
    if (this.#isTicking) return;
    this.#isTicking = true;
    if (this.#listeners.size > 0) await this.#gather();
    this.#isTicking = false;
    this.#perSecond = this.#rate.perSecond(this.#options.engine.status().totals.accepted, performance.now());
    if (this.#listeners.size === 0) return;
    const event = this.#event();
    for (const listener of this.#listeners) this.#send(listener, event);
  }

  /** Ends every stream. */
  close(): void {
    clearInterval(this.#timer);
    for (const listener of this.#listeners) listener.controller.close();
    this.#listeners.clear();
  }

  #send(listener: Listener, event: Uint8Array = this.#event()): void {
    if (!this.#listeners.has(listener)) return;
    const { controller } = listener;
    if ((controller.desiredSize ?? 0) > 0) {
      listener.missed = 0;
      controller.enqueue(event);
    } else if (++listener.missed > maxMissedEvents) {
      this.#listeners.delete(listener);
      // Only an error ends the connection; and the server prints it, an `Error` with its stack.
      controller.error(`A listener of /events is dropped: it has missed ${maxMissedEvents} events in a row.`);
    }
  }

  /** One at a time, whoever asks for it. */
  #gather(): Promise<void> {
    this.#gathering ??= this.#ask().finally(() => this.#gathering = null);
    return this.#gathering;
  }

  async #ask(): Promise<void> {
    const { engine, moving, log } = this.#options;
    try {
      const answers = await Promise.all(moving.list().map((actor) => askWindows(engine, actor)));
      this.#moving = answers.filter((answer) => answer !== null);
    } catch (thrown) {
      log(`Cannot gather the live feed: ${errorMessage(thrown)}`, thrown);
    }
  }

  #event(): Uint8Array {
    const { ready, waitingFor, shards, totals } = this.#options.engine.status();
    const event: LiveEvent = {
      atMs: Date.now(),
      ready,
      waitingFor,
      accepted: totals.accepted,
      messages: totals.messages,
      ratePerSecond: Math.round(this.#perSecond),
      deadLetters: totals.deadLetters,
      shards: [...shards],
      tree: this.#options.engine.tree(),
      moving: [...this.#moving],
    };
    return encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
  }
}

/** Null when the actor cannot answer now: the page shows the others. */
async function askWindows(engine: Engine, actor: Moving): Promise<MovingActor | null> {
  const options = { consistency: "local", deadlineMs: feedAskDeadlineMs } as const;
  const answer = await engine.ask(actor, "windows", {}, options).catch((thrown) => {
    if (thrown instanceof EngineError) return null;
    throw thrown;
  });
  if (answer?.type !== "answered") return null;
  const { channels } = Answer.parse(JSON.parse(answer.json));
  const windows1h: MovingActor["windows1h"] = {};
  const last: MovingActor["last"] = {};
  for (const [channel, windows] of Object.entries(channels).slice(0, maxFeedChannels)) {
    windows1h[channel] = windows["1h"];
    last[channel] = windows["1h"].last;
  }
  return { ...actor, last, windows1h };
}
