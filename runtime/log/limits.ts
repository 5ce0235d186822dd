/** Limits and defaults of the embedded log, each with its reason. Bytes of text are UTF-16 units. */

export interface LogLimits {
  /** Size of a segment file after which the next one is used: small enough that space comes back soon, large
   * enough that the 5 ms of a new file vanish among hundreds of commits. */
  readonly segmentBytes: number;
  /** Size of all segment files together at which appends are refused as "full"; null: the disk decides. */
  readonly totalBytes: number | null;
  /** Recent frames kept in memory, so that subscribers near the head never read the file. */
  readonly tailBytes: number;
  /** Text committed in one transaction: bounds the time that the next append waits. */
  readonly groupBytes: number;
  /** Text waiting for its commit; above it appends are refused as "unavailable" and the caller slows down. */
  readonly queuedBytes: number;
  /** Text of one delivery: one message to another thread. */
  readonly deliveryBytes: number;
  /** Text delivered between two looks at the append queue: about a millisecond of reading. */
  readonly turnBytes: number;
  /** Older segments held open for readers that are behind. */
  readonly openSegments: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const defaultLogLimits: LogLimits = {
  segmentBytes: 48 * MiB,
  totalBytes: null,
  tailBytes: 32 * MiB,
  groupBytes: 2 * MiB,
  queuedBytes: 64 * MiB,
  deliveryBytes: 256 * KiB,
  turnBytes: 1 * MiB,
  openSegments: 8,
};
