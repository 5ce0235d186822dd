/** One question to a server, and the beginning of its answer. */

/** @throws when nothing is answered. */
export async function askTcp(
  hostname: string,
  port: number,
  question: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  using connection = await Deno.connect({ hostname, port, signal });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.write(question);
    const answer = new Uint8Array(256);
    const bytes = await connection.read(answer);
    return answer.subarray(0, bytes ?? 0);
  } finally {
    signal.removeEventListener("abort", close);
  }
}
