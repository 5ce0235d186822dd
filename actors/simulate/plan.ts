/** What a run sends, and nothing about how: the same plan always means the same bodies. */

export interface Plan {
  readonly seed: number;
  readonly sensors: number;
  /** The present of the run, epoch milliseconds: history ends and live readings begin here. */
  readonly originMs: number;
  /** Live readings per second of the readings' own time. */
  readonly ratePerSecond: number;
  /** Readings in a live body. */
  readonly bodyReadings: number;
  readonly historyMs: number;
  /** Share of the sensors that are alarm panels; this and the following are 0 to 1. */
  readonly panelRatio: number;
  /** Share of the live readings whose time is minutes to hours ago. */
  readonly lateRatio: number;
  /** Share of pairs of a sensor's live readings that are sent in the wrong order. */
  readonly outOfOrderRatio: number;
  /** Share of the live readings that are sent again. Where there are any, readings carry a `seq` to know them by. */
  readonly duplicateRatio: number;
}
