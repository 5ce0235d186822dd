/**
 * Clients that take connections and give nothing for them: some say nothing, some trickle a head or a body byte by byte,
 * some ask and never read, some listen to the live feed and never read.
 */

export interface CrowdOptions {
  readonly url: URL;
  readonly idle: number;
  readonly trickling: number;
  readonly unread: number;
  readonly listeners: number;
}

/** The head of an answer. */
interface Head {
  readonly status: number;
  readonly retryAfterS: number | null;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const connectAtOnce = 100;
const trickleMs = 500;
/** Answers that each of those asks for who never read. */
const unreadAnswers = 50;

const head = "GET /sensors HTTP/1.1\r\nHost: crowd\r\nX-Slow: ";
const body = "POST /readings HTTP/1.1\r\nHost: crowd\r\nContent-Length: 1000000\r\n\r\n[";
const unread = "GET /openapi.json HTTP/1.1\r\nHost: crowd\r\n\r\n".repeat(unreadAnswers);
const listen = "GET /events HTTP/1.1\r\nHost: crowd\r\n\r\n";

export class Crowd implements Disposable {
  readonly #url: URL;
  readonly #connections: Deno.Conn[] = [];
  readonly #tricklers: Deno.Conn[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  /** Listeners that were let in; the others were refused. */
  listening = 0;
  readonly refusals: Head[] = [];

  private constructor(url: URL) {
    this.#url = url;
    this.#timer = setInterval(() => this.#trickle(), trickleMs);
  }

  /** Resolves when all are connected and every listener has its answer. */
  static async open({ url, idle, trickling, unread: unreadCount, listeners }: CrowdOptions): Promise<Crowd> {
    const crowd = new Crowd(url);
    try {
      await many(idle, () => crowd.#connect(""));
      await many(
        trickling,
        async (n) => void crowd.#tricklers.push(await crowd.#connect(n % 2 === 0 ? head : body)),
      );
      await many(unreadCount, () => crowd.#connect(unread));
      await many(listeners, async () => crowd.#note(await readHead(await crowd.#connect(listen))));
      return crowd;
    } catch (error) {
      crowd[Symbol.dispose]();
      throw error;
    }
  }

  get connections(): number {
    return this.#connections.length;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const connection of this.#connections) connection.close();
  }

  async #connect(words: string): Promise<Deno.Conn> {
    const { hostname, port } = this.#url;
    const connection = await Deno.connect({ hostname, port: Number(port) });
    this.#connections.push(connection);
    // What is not taken is not waited for: the server need not read it.
    if (words !== "") connection.write(encoder.encode(words)).catch(() => {});
    return connection;
  }

  #note(answer: Head): void {
    if (answer.status === 200) this.listening++;
    else this.refusals.push(answer);
  }

  #trickle(): void {
    // The server may have answered and gone.
    for (const connection of this.#tricklers) connection.write(encoder.encode("1")).catch(() => {});
  }
}

async function many(count: number, one: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: connectAtOnce }, work));
}

/** Reads no further than the answer's head, which comes with the first bytes. */
async function readHead(connection: Deno.Conn): Promise<Head> {
  const buffer = new Uint8Array(512);
  const count = await connection.read(buffer);
  const text = decoder.decode(buffer.subarray(0, count ?? 0));
  const retryAfter = /^retry-after: (\d+)/im.exec(text)?.[1];
  return {
    status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? NaN),
    retryAfterS: retryAfter === undefined ? null : Number(retryAfter),
  };
}
