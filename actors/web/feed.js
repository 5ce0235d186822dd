/**
 * The live feed, by `fetch` and not `EventSource`: only so can the request carry the token in a header.
 *
 * 1. `onEvent` gets every event; `onState` "live" before the first of a connection.
 * 2. A connection that ends or says nothing for five seconds is "lost" and made again, with growing pauses.
 * 3. A wrong or missing token is "refused", and nothing is tried again.
 */

const silenceMs = 5000;
const firstPauseMs = 500;
/** A node that was started again is seen within seconds; asking for one that is not there costs next to nothing. */
const maxPauseMs = 3000;

/**
 * Connects until the returned function is called.
 *
 * @param {{token: string | null, onEvent: (event: object) => void, onState: (state: string) => void}} options
 * @returns {() => void}
 */
export function followFeed({ token, onEvent, onState }) {
  const ending = new AbortController();
  run();
  return () => ending.abort();

  async function run() {
    let pauseMs = firstPauseMs;
    while (!ending.signal.aborted) {
      const outcome = await connect(() => pauseMs = firstPauseMs);
      if (ending.signal.aborted) return;
      onState(outcome);
      if (outcome === "refused") return;
      // Spread out, so that the pages of a node that came back do not all knock at once.
      await sleep(pauseMs * (0.75 + Math.random() / 2));
      pauseMs = Math.min(pauseMs * 2, maxPauseMs);
    }
  }

  async function connect(onFirst) {
    const connection = new AbortController();
    const signal = AbortSignal.any([ending.signal, connection.signal]);
    let silence = setTimeout(() => connection.abort(), silenceMs);
    try {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch("/events", { headers, signal, cache: "no-store" });
      if (response.status === 401) return "refused";
      if (!response.ok || response.body === null) return "lost";
      let isFirst = true;
      for await (const event of events(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => connection.abort(), silenceMs);
        if (isFirst) {
          isFirst = false;
          onFirst();
          onState("live");
        }
        onEvent(event);
      }
    } catch {
      // Whatever ended it, the page says that the connection is lost and goes on trying.
    } finally {
      clearTimeout(silence);
    }
    return "lost";
  }
}

/** The data of server-sent events, parsed: https://html.spec.whatwg.org/multipage/server-sent-events.html */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const lines = part.split("\n").filter((line) => line.startsWith("data:"));
      if (lines.length > 0) yield JSON.parse(lines.map((line) => line.slice("data:".length)).join("\n"));
    }
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
