/**
 * Backups of a running node: its files are held as they are while another process copies them. The node itself copies
 * nothing and writes nowhere; closing a file of SQLite's that it opened besides would even free that file's lock.
 *
 *     begin ──▶ trimming pauses, the store's file stays as it is     the caller copies the store, then its log
 *     log   ──▶ the store goes on, the log begins a new segment      the caller copies the segments that are named
 *     end   ──▶ trimming goes on
 *
 * 1. What was accepted before `begin` is in the copy, and no position in the copied store lies outside of the copied
 *    log: nothing is trimmed from before the store is copied until after the log is.
 * 2. A hold that nobody renews for `backupLeaseMs` ends, and so does one that has lasted `maxBackupMs`, or whose disk
 *    is full, or whose node dies. What the caller does next is then refused: `log` and `end` resolve only when the
 *    files were held all the time.
 * 3. There is one backup at a time.
 * 4. A node on servers has no files to hold: its servers' own tools back them up, and `begin` says so.
 */

import { errorMessage } from "../core/errors.ts";
import { mailboxTopic } from "../log/kafka/settings.ts";
import type { LogThread } from "../log/start_log_thread.ts";
import type { StoreThread } from "../store/start_store_thread.ts";
import { backupLeaseMs, maxBackupMs } from "./limits.ts";
import type { Servers } from "./options.ts";
import type { TimerClock } from "./timer_clock.ts";

export type BackupErrorCode =
  /** Another one has not ended. */
  | "running"
  /** There is none of that id. */
  | "unknown"
  /** The files were not held all the time: what was copied is worthless. */
  | "lost"
  /** The node has no files: servers keep what it has. */
  | "elsewhere";

export class BackupError extends Error {
  override readonly name = "BackupError";
  constructor(readonly code: BackupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface BegunBackup {
  readonly id: string;
  /** It is renewed more often than that, or ends. */
  readonly leaseMs: number;
  /** Identity of the store, by which a copy can be told from that of another one. */
  readonly store: string;
}

/** What the product sees of them. */
export interface Backups {
  begin(): Promise<BegunBackup>;
  /** Says that the caller is still there. */
  renew(id: string): void;
  /** The store and its log are copied: names of the segments that are to follow. */
  log(id: string): Promise<readonly string[]>;
  /** The segments are copied. */
  end(id: string): Promise<void>;
  /** The caller gives up. */
  abandon(id: string): Promise<void>;
}

export interface HeldFiles {
  readonly store: Pick<StoreThread, "hold" | "release" | "ready">;
  readonly log: Pick<LogThread, "hold" | "seal" | "release">;
}

export interface BackupsOptions {
  readonly files: HeldFiles;
  /** What keeps the node's data instead of its files, and how that is backed up; null: its files do. */
  readonly elsewhere: string | null;
  readonly clock: TimerClock;
  readonly newId: () => string;
  readonly report: (sentence: string) => void;
}

interface Hold {
  readonly id: string;
  readonly beganMs: number;
  cancelTimer: () => void;
}

/** Why there is nothing to back up here, and what to do instead. */
export function keptBy({ kafka, mysql: { database, host, port } }: Servers): string {
  return `This node has no files: its state is in the database "${database}" of MySQL at ${host}:${port}, and what is ` +
    `not folded yet in the topic ${mailboxTopic(kafka)} of Kafka. Back them up with the servers' own tools.`;
}

export class NodeBackups implements Backups {
  readonly #options: BackupsOptions;
  #current: Hold | null = null;
  /** The last one that ended without its caller, and why. */
  #lost: { readonly id: string; readonly sentence: string } | null = null;

  constructor(options: BackupsOptions) {
    this.#options = options;
  }

  async begin(): Promise<BegunBackup> {
    const { files, clock, newId, elsewhere } = this.#options;
    if (elsewhere !== null) throw new BackupError("elsewhere", elsewhere);
    if (this.#current !== null) {
      const agoS = Math.round((clock.nowMs() - this.#current.beganMs) / 1000);
      throw new BackupError(
        "running",
        `Another backup runs since ${agoS} s; wait for its end, or, if it was interrupted, up to ` +
          `${backupLeaseMs / 1000} s.`,
      );
    }
    const hold: Hold = { id: newId(), beganMs: clock.nowMs(), cancelTimer: () => {} };
    this.#current = hold;
    try {
      await files.log.hold();
      await files.store.hold();
      const { identity } = await files.store.ready;
      this.#expectNews(hold);
      return { id: hold.id, leaseMs: backupLeaseMs, store: identity };
    } catch (thrown) {
      await this.#release(hold);
      throw thrown;
    }
  }

  renew(id: string): void {
    this.#expectNews(this.#find(id));
  }

  async log(id: string): Promise<readonly string[]> {
    const hold = this.#find(id);
    const { files } = this.#options;
    // The log's segment ends after the store was copied, so that it has every frame that the copy has folded.
    const wasHeld = await files.store.release();
    if (!wasHeld) await this.#lose(hold, "the store's write-ahead log or its disk was full");
    try {
      return await files.log.seal();
    } catch (thrown) {
      return await this.#lose(hold, errorMessage(thrown));
    }
  }

  async end(id: string): Promise<void> {
    const hold = this.#find(id);
    hold.cancelTimer();
    if (!await this.#options.files.log.release()) await this.#lose(hold, "the log's disk was full");
    this.#forget(hold);
  }

  async abandon(id: string): Promise<void> {
    await this.#release(this.#find(id));
  }

  /** Calls off what is timed; the files' threads are about to end. */
  close(): void {
    if (this.#current !== null) this.#forget(this.#current);
  }

  #find(id: string): Hold {
    if (this.#current?.id === id) return this.#current;
    if (this.#lost?.id === id) throw new BackupError("lost", this.#lost.sentence);
    throw new BackupError("unknown", "There is no such backup: the node has started anew, or it has ended.");
  }

  #expectNews(hold: Hold): void {
    const { clock } = this.#options;
    hold.cancelTimer();
    const leftMs = hold.beganMs + maxBackupMs - clock.nowMs();
    const isLast = leftMs < backupLeaseMs;
    const why = isLast
      ? `it took more than ${maxBackupMs / 60_000} minutes`
      : `nothing was heard of its client for ${backupLeaseMs / 1000} s`;
    hold.cancelTimer = clock.after(Math.max(0, Math.min(leftMs, backupLeaseMs)), () => {
      this.#lose(hold, why).catch((thrown: unknown) => this.#options.report(errorMessage(thrown)));
    });
  }

  async #lose(hold: Hold, why: string): Promise<never> {
    const sentence = `The backup was given up: ${why}.`;
    this.#lost = { id: hold.id, sentence };
    await this.#release(hold);
    throw new BackupError("lost", sentence);
  }

  #forget(hold: Hold): void {
    hold.cancelTimer();
    if (this.#current === hold) this.#current = null;
  }

  /** A writer that is gone holds nothing, and its node ends. */
  async #release(hold: Hold): Promise<void> {
    hold.cancelTimer();
    // The next one may hold the files already.
    if (this.#current !== hold) return;
    const { store, log } = this.#options.files;
    await Promise.allSettled([store.release(), log.release()]);
    this.#forget(hold);
  }
}
