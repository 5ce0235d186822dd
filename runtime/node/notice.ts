/** What a node says of itself to those who run it. Who says it does not know who hears it, a person or a collector. */

export type NoticeLevel = "debug" | "info" | "warn" | "error";

export type NoticeFields = Readonly<Record<string, string | number | boolean | null>>;

export interface Notice {
  readonly level: NoticeLevel;
  /** Which part of the node speaks: "gateway", "host-0". */
  readonly component: string;
  /** What has happened, as something to search for: "append-failed". */
  readonly event: string;
  /** What sets it apart from others of its component and event: repeats of one kind are told once and counted. */
  readonly like?: string;
  /** A sentence for a person. */
  readonly message: string;
  /** The facts in it, for a program. */
  readonly fields?: NoticeFields;
  /** How many things it tells of; 1 unless told otherwise. */
  readonly times?: number;
  /** The event, of the same component, that is over with it. */
  readonly ends?: string;
  /** A step of an orderly start or stop. */
  readonly isStep?: boolean;
}

/** Hears every notice, repeats included; `repeats.ts` makes few of many. */
export type Report = (notice: Notice) => void;
