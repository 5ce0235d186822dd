/**
 * The module of a program's jobs. Every compute thread imports it by its URL:
 *
 *     export const jobs = { autocorrelation: (input: Input) => output, ... };
 *
 * A job may be async. It keeps nothing from one run to the next that it could not do without: threads end, and there
 * may be several. Its own loops and memory must be bounded, as `compute.ts` says: a deadline frees whoever waits for a
 * job, and not always what the job uses.
 */

import { errorMessage } from "../core/errors.ts";

export type JobFunction = (input: unknown) => unknown;

/** Imports the module; throws an error that says what it lacks. */
export async function loadJobs(url: string): Promise<ReadonlyMap<string, JobFunction>> {
  let module: Record<string, unknown>;
  try {
    module = await import(url);
  } catch (thrown) {
    throw new Error(`Cannot import the jobs from ${url}: ${errorMessage(thrown)}`, { cause: thrown });
  }
  const { jobs } = module;
  if (typeof jobs !== "object" || jobs === null) {
    throw new Error(
      `${url} does not export a record of jobs, as in: export const jobs = { name: (input) => output }`,
    );
  }
  return new Map(Object.entries(jobs).map(([name, job]) => [name, functionOf(job, name, url)]));
}

function functionOf(job: unknown, name: string, url: string): JobFunction {
  if (typeof job !== "function") throw new Error(`The job ${name} of ${url} is not a function`);
  return (input) => job(input);
}
