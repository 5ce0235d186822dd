/** A frame as a log delivers it. */
export interface LogFrame {
  /** `MAILBOX`, or the name of a foreign topic. */
  readonly topic: string;
  readonly shard: number;
  readonly offset: number;
  /** Log time, epoch milliseconds: never goes back within a shard's mailbox. */
  readonly stampMs: number;
  readonly text: string;
}
