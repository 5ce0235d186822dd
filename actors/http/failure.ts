/** From anything thrown to a problem. */

import { errorMessage } from "../../runtime/core/errors.ts";
import { BackupError } from "../../runtime/node/backups.ts";
import { ComputeError } from "../../runtime/node/compute.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { type ProblemCode, ProblemError } from "./problem.ts";
import { rawPath } from "./request_url.ts";

/** Called once for every error that nobody expected. */
export type LogFailure = (sentence: string, thrown: unknown) => void;

function engineProblem({ code, message, retryAfterS, waiting }: EngineError): ProblemError {
  const members = waiting === null ? {} : { members: { waiting } };
  return new ProblemError(engineProblemCode(code), message, { ...retryAfter(retryAfterS), ...members });
}

function retryAfter(seconds: number): { headers: Record<string, string> } {
  return { headers: { "retry-after": String(Math.max(1, Math.ceil(seconds))) } };
}

function engineProblemCode(code: EngineError["code"]): ProblemCode {
  switch (code) {
    case "starting":
    case "stopping":
    case "overloaded":
    case "unavailable":
      return code;
    case "keys_full":
      return "keys-full";
    case "log_full":
      return "disk-full";
    case "timeout":
      return "no-answer-in-time";
  }
}

function storeProblem(error: StoreError): ProblemError | null {
  switch (error.code) {
    case "full":
      return new ProblemError("disk-full", error.message, retryAfter(5));
    case "unavailable":
    case "unknown":
      return new ProblemError("unavailable", error.message, retryAfter(1));
    case "closed":
      return new ProblemError("stopping", error.message, retryAfter(1));
    case "corrupt":
    case "refused":
    // Claims alone meet it, and no request of a client's claims.
    case "raced":
      return null;
  }
}

function backupProblem({ code, message }: BackupError): ProblemError {
  switch (code) {
    case "running":
      return new ProblemError("backup-running", message);
    case "unknown":
      return new ProblemError("unknown-backup", message);
    case "lost":
      return new ProblemError("backup-lost", message);
    case "elsewhere":
      return new ProblemError("backup-elsewhere", message);
  }
}

/** Null for jobs that failed by themselves. */
function computeProblem({ code, message }: ComputeError): ProblemError | null {
  switch (code) {
    case "full":
      return new ProblemError("overloaded", message, retryAfter(1));
    case "late":
      return new ProblemError("no-answer-in-time", message, retryAfter(1));
    case "stopped":
      return new ProblemError("stopping", message, retryAfter(1));
    case "failed":
    case "died":
    case "unknown-job":
    case "cancelled":
      return null;
  }
}

/** Null for what nobody expected. */
function knownProblem(thrown: unknown): ProblemError | null {
  if (thrown instanceof ProblemError) return thrown;
  if (thrown instanceof EngineError) return engineProblem(thrown);
  if (thrown instanceof BackupError) return backupProblem(thrown);
  if (thrown instanceof ComputeError) return computeProblem(thrown);
  return thrown instanceof StoreError ? storeProblem(thrown) : null;
}

/** What became of a request whose handling threw; what was not expected goes to `log`. */
export function failureProblem(thrown: unknown, request: Request, log: LogFailure): ProblemError {
  const known = knownProblem(thrown);
  if (known !== null) return known;
  const path = rawPath(request);
  log(`Cannot answer ${request.method} ${path}: ${errorMessage(thrown)}`, thrown);
  return new ProblemError("internal", `${request.method} ${path} failed unexpectedly.`);
}
