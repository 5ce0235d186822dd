/** The part of `ioredis` 6.0 that is used. */

type Value = string | number;

export interface Pipeline {
  zremrangebyscore(key: string, min: Value, max: Value): this;
  evalsha(hash: string, keys: number, ...values: Value[]): this;
  exec(): Promise<[error: Error | null, result: unknown][] | null>;
}

export class Redis {
  constructor(options: string | Readonly<Record<string, unknown>>);
  readonly status: string;
  on(event: "error", listener: (error: unknown) => void): this;
  once(event: "end", listener: () => void): this;
  connect(): Promise<void>;
  disconnect(): void;
  quit(): Promise<unknown>;
  pipeline(): Pipeline;
  eval(script: string, keys: number, ...values: Value[]): Promise<unknown>;
  set(key: string, value: string, unit: "PX", lifeMs: number): Promise<unknown>;
  get(key: string): Promise<string | null>;
  pttl(key: string): Promise<number>;
  hmget(key: string, ...fields: string[]): Promise<(string | null)[]>;
  hgetall(key: string): Promise<Record<string, string>>;
  zrange(key: string, first: string, last: string): Promise<string[]>;
  script(command: "LOAD", text: string): Promise<unknown>;
  call(command: string, ...values: Value[]): Promise<unknown>;
  keys(pattern: string): Promise<string[]>;
  flushall(): Promise<unknown>;
}
