/**
 * One HTTP/1.1 connection that sends one request at a time.
 *
 * The generator shares its processors with the server it measures, and `fetch` and `node:http` cost 140 µs of
 * processor time a body of 100 readings, this 27 (2 cores, Deno 2.9).
 *
 * 1. A request settles within its time limit: with an answer, or with an error after which the next request
 *    connects anew.
 * 2. An error means that nothing is known about what the server did.
 */

import { maxAnswerBytes } from "./limits.ts";

export interface HttpAnswer {
  readonly status: number;
  /** What `Retry-After` asks for; null without one in seconds. */
  readonly retryAfterS: number | null;
  readonly text: string;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes, where they are sent more than once. */
  readonly body: string | Uint8Array;
  readonly timeoutMs: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const blankLine = encoder.encode("\r\n\r\n");

/** Index of the first `needle` in `bytes` at or after `from`, or -1. */
function indexOf(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(needle[0]!, from); at >= 0; at = bytes.indexOf(needle[0]!, at + 1)) {
    if (at + needle.length > bytes.length) return -1;
    if (needle.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

function parseHead(text: string): Head {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1];
  if (status === undefined) throw new Error(`Not an HTTP/1.1 answer: "${statusLine.slice(0, 80)}"`);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), headers: new Map(headers) };
}

export class HttpConnection {
  readonly #url: URL;
  readonly #hostHeaders: string;
  #connection: Deno.Conn | null = null;
  /** Received and not read yet: `#buffer[#from .. #to]`. */
  #buffer = new Uint8Array(16 * 1024);
  #from = 0;
  #to = 0;

  constructor(url: URL) {
    this.#url = url;
    this.#hostHeaders = `host: ${url.host}\r\n`;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
    this.#from = this.#to = 0;
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    let hasTimedOut = false;
    const timer = setTimeout(() => {
      hasTimedOut = true;
      this.close();
    }, request.timeoutMs);
    try {
      const connection = this.#connection ??= await this.#connect();
      if (hasTimedOut) throw new Error("connected too late");
      await this.#write(connection, request);
      return await this.#answer(connection);
    } catch (thrown) {
      this.close();
      const path = `${request.method} ${this.#url.origin}${request.target}`;
      if (hasTimedOut) throw new Error(`${path} had no answer within ${request.timeoutMs} ms`);
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect(): Promise<Deno.Conn> {
    const isTls = this.#url.protocol === "https:";
    const hostname = this.#url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(this.#url.port || (isTls ? 443 : 80));
    if (isTls) return await Deno.connectTls({ hostname, port });
    const connection = await Deno.connect({ hostname, port });
    connection.setNoDelay(true);
    return connection;
  }

  async #write(connection: Deno.Conn, request: HttpRequest): Promise<void> {
    const body = typeof request.body === "string" ? encoder.encode(request.body) : request.body;
    let head = `${request.method} ${request.target} HTTP/1.1\r\n${this.#hostHeaders}`;
    for (const [name, value] of Object.entries(request.headers)) head += `${name}: ${value}\r\n`;
    const headBytes = encoder.encode(`${head}content-length: ${body.length}\r\n\r\n`);
    // One write: a second small packet would wait for the first to be acknowledged.
    const bytes = new Uint8Array(headBytes.length + body.length);
    bytes.set(headBytes);
    bytes.set(body, headBytes.length);
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  }

  /** Receives more; throws when the server has ended the connection. */
  async #receive(connection: Deno.Conn): Promise<void> {
    if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    if (this.#to === this.#buffer.length) {
      if (this.#to >= maxAnswerBytes) throw new Error(`An answer is longer than ${maxAnswerBytes} bytes`);
      const grown = new Uint8Array(this.#buffer.length * 2);
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    const count = await connection.read(this.#buffer.subarray(this.#to));
    if (count === null) throw new Error("The server closed the connection without an answer");
    this.#to += count;
  }

  async #take(connection: Deno.Conn, count: number): Promise<string> {
    while (this.#to - this.#from < count) await this.#receive(connection);
    const text = decoder.decode(this.#buffer.subarray(this.#from, this.#from + count));
    this.#from += count;
    return text;
  }

  async #takeUntil(connection: Deno.Conn, end: Uint8Array): Promise<string> {
    for (;;) {
      const at = indexOf(this.#buffer.subarray(0, this.#to), end, this.#from);
      if (at >= 0) {
        const text = await this.#take(connection, at - this.#from);
        this.#from += end.length;
        return text;
      }
      await this.#receive(connection);
    }
  }

  async #chunks(connection: Deno.Conn): Promise<string> {
    const lineEnd = blankLine.subarray(2);
    let text = "";
    for (;;) {
      const size = parseInt(await this.#takeUntil(connection, lineEnd), 16);
      if (Number.isNaN(size)) throw new Error("An answer's chunk has no size");
      if (size === 0) {
        while (await this.#takeUntil(connection, lineEnd) !== "");
        return text;
      }
      text += await this.#take(connection, size);
      await this.#take(connection, lineEnd.length);
    }
  }

  async #answer(connection: Deno.Conn): Promise<HttpAnswer> {
    const { status, headers } = parseHead(await this.#takeUntil(connection, blankLine));
    const text = headers.get("transfer-encoding") === "chunked"
      ? await this.#chunks(connection)
      : await this.#take(connection, Number(headers.get("content-length") ?? 0));
    if (headers.get("connection")?.toLowerCase() === "close") this.close();
    const retryAfter = Number(headers.get("retry-after") ?? NaN);
    return { status, retryAfterS: Number.isFinite(retryAfter) ? retryAfter : null, text };
  }
}
