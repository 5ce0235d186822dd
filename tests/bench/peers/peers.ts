/**
 * Messages a second of one thread, ours beside those of packages that run actors in JavaScript: to one actor, and to
 * 50,000 that take turns. Each contestant has a process of its own in each round, one after the other; see `contest.ts`.
 *
 * They do not do the same: the table says of each what it leaves out.
 */

import { z } from "zod";
import { type BenchOptions, type Figure, median, type Row } from "../figure.ts";
import { type Course, packages } from "./contest.ts";

const messagesPerRound = 500_000;
const courses: readonly Course[] = [1, 50_000].map((actors) => ({
  actors,
  messagesEach: messagesPerRound / actors,
  warmUpRounds: 3,
  rounds: 3,
}));

interface Contestant {
  readonly name: string;
  readonly file: string;
  readonly isOurs: boolean;
  readonly variant?: string;
  readonly lacks: string;
}

const ours = "neither log nor checkpoints: frames come from memory";
const theirs = "nothing outlives the process; no log, no checkpoints, no bound on what waits";

const contestants: readonly Contestant[] = [
  {
    name: "Sensorium, a shard folds the log's frames",
    file: "sensorium.ts",
    isOurs: true,
    lacks: `${ours}, and parsing and checking them is in the figure`,
  },
  {
    name: "Sensorium, an actor sends to others of its shard",
    file: "sensorium.ts",
    isOurs: true,
    variant: "sends",
    lacks: ours,
  },
  {
    name: `nact ${packages.nact}, \`dispatch\` to stateful actors`,
    file: "nact.ts",
    isOurs: false,
    lacks: theirs,
  },
  {
    name: `effect ${packages.effect}, a fiber that takes one message after another`,
    file: "effect.ts",
    isOurs: false,
    lacks: `${theirs}; no addresses, no supervision`,
  },
  {
    name: `effect ${packages.effect}, a fiber that takes all that wait`,
    file: "effect.ts",
    isOurs: false,
    variant: "all",
    lacks: `${theirs}; no addresses, no supervision`,
  },
];

const scoreSchema = z.object({ perSecond: z.number() });

/** Rejects where the contestant miscounted, with what it said. */
async function compete({ file, isOurs, variant }: Contestant, course: Course): Promise<number> {
  const pathOf = (name: string) => new URL(name, import.meta.url).pathname;
  const lock = isOurs ? [] : ["--no-config", "--frozen", "--lock", pathOf("deno.lock")];
  const variants = variant === undefined ? [] : [variant];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-env", ...lock, pathOf(file), JSON.stringify(course), ...variants],
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(decoder.decode(stderr));
  return scoreSchema.parse(JSON.parse(decoder.decode(stdout))).perSecond;
}

/** A median of messages a second; null where a round was refused. */
type Result = number | null;

async function rounds(count: number): Promise<readonly (readonly Result[])[]> {
  const scores = contestants.map(() => courses.map((): Result[] => []));
  for (let round = 0; round < count; round++) {
    for (const [place, contestant] of contestants.entries()) {
      for (const [at, course] of courses.entries()) {
        const score = await compete(contestant, course).catch((thrown) => {
          console.log(`Refused: ${contestant.name}, ${course.actors} actors: ${thrown.message}`);
          return null;
        });
        scores[place]![at]!.push(score);
      }
    }
  }
  return scores.map((ofCourses) =>
    ofCourses.map((all) => {
      const counted = all.filter((score) => score !== null);
      return counted.length < all.length ? null : median(counted);
    })
  );
}

function rateText(perSecond: Result): string {
  return perSecond === null ? "refused" : `${(perSecond / 1e6).toFixed(2)} M/s`;
}

function ratioText(perSecond: Result, own: Result): string {
  if (perSecond === null || own === null) return "";
  const ratio = perSecond / own;
  return ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0);
}

function tableText(results: readonly (readonly Result[])[]): string {
  const [own = []] = results;
  const columns = courses.map(({ actors }) =>
    `to ${actors === 1 ? "one actor" : `${actors} actors`} | ratio`
  );
  const lines = contestants.map(({ name, lacks }, place) => {
    const cells = courses.map((_, at) => {
      const result = results[place]![at]!;
      return `${rateText(result)} | ${ratioText(result, own[at]!)}`;
    });
    return `| ${name} | ${cells.join(" | ")} | ${lacks} |`;
  });
  return [
    `| one thread | ${columns.join(" | ")} | what it does without |`,
    `| --- | ${courses.map(() => "--- | ---").join(" | ")} | --- |`,
    ...lines,
  ].join("\n");
}

async function measure(options: BenchOptions): Promise<readonly Row[]> {
  const results = await rounds(options.rounds);
  const own = results[0]!.map(rateText).join(" and ");
  const isRefused = results.some((ofCourses) => ofCourses.includes(null));
  return [{
    figure: `one thread, messages to one actor and to ${courses[1]!.actors}, beside nact and effect, ` +
      `median of ${options.rounds}`,
    target: "all that was sent is counted",
    measured: `${own}; the others below`,
    isMet: !isRefused,
    serverCpu: "",
    clientCpu: "",
    details: tableText(results),
  }];
}

export const peers: Figure = {
  name: "peers",
  meaning: "messages a second of one thread, beside nact and effect; also as --peers",
  run: measure,
};
