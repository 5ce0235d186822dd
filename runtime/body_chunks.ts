/** The body of what `fetch` answers, within a signal. */

/**
 * The chunks of `body`. Once `signal` is aborted, nothing more is read, and its reason is thrown: `fetch` itself loses its
 * signal once it has answered and garbage was collected (Deno 2.9), and then waits for a body that never ends.
 */
export async function* bodyChunks(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  // A body that has broken off cannot be cancelled any more; whoever reads it hears why.
  const cancel = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** The whole text of an answer, within `signal`; of at most what its head promises or the caller has checked. */
export async function bodyText({ body }: Response, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  if (body !== null) {
    for await (const chunk of bodyChunks(body, signal)) parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}
