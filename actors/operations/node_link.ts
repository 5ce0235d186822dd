/** The node that runs on a data folder, as a backup speaks to it. */

import { z } from "zod";
import { bodyText } from "../../runtime/body_chunks.ts";
import { fetchReason } from "../../runtime/fetch_reason.ts";
import { BegunBackup, SealedLog } from "../http/backup_routes.ts";
import { lastHolder } from "../cli/data_folder.ts";
import { Refusal } from "../cli/refusal.ts";

/** Sealing waits for a new segment on the node's disk; the rest is quick. */
const answerMs = 60_000;

const problem = z.looseObject({ type: z.string(), detail: z.string() });

/** The node gave the backup up: what was copied is worthless. */
export class BackupLost extends Error {
  override readonly name = "BackupLost";
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: string;
}

export class NodeLink {
  readonly #folder: string;
  readonly #adminUrl: string;
  readonly #token: string | null;

  private constructor(folder: string, adminUrl: string, token: string | null) {
    this.#folder = folder;
    this.#adminUrl = adminUrl;
    this.#token = token;
  }

  /** By the address that the node has written into its folder. Throws a `Refusal`. */
  static find(folder: string, token: string | null): NodeLink {
    if (!isFolder(folder)) {
      throw new Refusal(
        `Cannot back up: there is no folder ${folder}. Name a node's data folder with --data FOLDER.`,
      );
    }
    const holder = lastHolder(folder);
    if (holder === null) throw notRunning(folder);
    if (holder.adminUrl === null) {
      throw new Refusal(
        `Cannot back up: the node on ${folder} (${holder.name}) does not listen yet, or did not get so far. ` +
          "Try again when it has started.",
      );
    }
    return new NodeLink(folder, holder.adminUrl, token);
  }

  async begin(): Promise<z.infer<typeof BegunBackup>> {
    let answer: Answer;
    try {
      answer = await this.#post("/backups");
    } catch (cause) {
      if (cause instanceof TypeError) throw notRunning(this.#folder);
      throw new Refusal(
        `Cannot back up: the node at ${this.#adminUrl} does not answer (${fetchReason(cause)}).`,
        {
          cause,
        },
      );
    }
    const { ok, status, body } = answer;
    if (ok) return this.#parse(BegunBackup, body);
    throw this.#refusal(status, body);
  }

  async renew(id: string): Promise<void> {
    await this.#step(id, "renew");
  }

  async seal(id: string): Promise<readonly string[]> {
    return this.#parse(SealedLog, await this.#step(id, "log")).segments;
  }

  async end(id: string): Promise<void> {
    await this.#step(id, "end");
  }

  async abandon(id: string): Promise<void> {
    await this.#step(id, "abandon");
  }

  async #step(id: string, name: string): Promise<string> {
    let answer: Answer;
    try {
      answer = await this.#post(`/backups/${encodeURIComponent(id)}/${name}`);
    } catch (cause) {
      throw new BackupLost(`the node at ${this.#adminUrl} answers no more (${fetchReason(cause)}).`, {
        cause,
      });
    }
    const { ok, status, body } = answer;
    if (ok) return body;
    throw new BackupLost(problemDetail(body) ?? `the node answered with ${status}.`);
  }

  async #post(path: string): Promise<Answer> {
    const headers = this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
    const signal = AbortSignal.timeout(answerMs);
    const response = await fetch(`${this.#adminUrl}${path}`, { method: "POST", headers, signal });
    return { ok: response.ok, status: response.status, body: await bodyText(response, signal) };
  }

  #refusal(status: number, body: string): Refusal {
    const detail = problemDetail(body);
    if (status === 401) {
      const found = this.#token === null ? "wants its token" : "refuses this token";
      return new Refusal(
        `Cannot back up: the node at ${this.#adminUrl} ${found}. Give the one it was started with, with --token-file ` +
          "PATH or SENSORIUM_TOKEN.",
      );
    }
    return detail === null || status === 404 ? this.#notOurs() : new Refusal(`Cannot back up: ${detail}`);
  }

  #parse<T>(schema: z.ZodType<T>, body: string): T {
    try {
      return schema.parse(JSON.parse(body));
    } catch {
      throw this.#notOurs();
    }
  }

  #notOurs(): Refusal {
    return new Refusal(
      `Cannot back up: what answers at ${this.#adminUrl}, where ${this.#folder} says its node listens, takes no ` +
        "backups: it is another program or another version.",
    );
  }
}

function notRunning(folder: string): Refusal {
  return new Refusal(
    `Cannot back up: no node runs on ${folder}. Start one, or name another folder with --data FOLDER; the folder of a ` +
      "stopped node can be copied as it is.",
  );
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

function problemDetail(body: string): string | null {
  try {
    const parsed = problem.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data.detail : null;
  } catch {
    return null;
  }
}
