/**
 * Which topic of a name is read: one that was deleted and made again has another id, and begins with offsets that the
 * shards have seen of the old one. Pure.
 *
 * 1. The first topic of a name is remembered under the name, and its id beside it as a mark: a partition of a topic that
 *    cannot be, as no topic's name has a "#".
 * 2. Each later one is remembered under its name and its id, so that none of its records is a repeat of another's.
 * 3. A topic is the first of its name only if nothing is known of a later one, and two marks are refused.
 * 4. Where brokers know no ids, all topics of a name are one.
 */

import { partitionName } from "../core/sequence.ts";
import { TopicProgress } from "./topic_progress.ts";
import { TopicRefusal } from "./topic_refusal.ts";

export interface TopicGeneration {
  /** Kafka's; null where brokers know none. */
  readonly id: string | null;
  /** Of its name. */
  readonly isFirst: boolean;
  /** As what the shards remember its records. */
  readonly name: string;
  /** To be remembered before any of its records; null when it is. */
  readonly mark: string | null;
  /** What is to be told of it before it is read; null: nothing. */
  readonly sentence: string | null;
  readonly progress: TopicProgress;
}

/**
 * `last`: by `partitionName`, what the shards have folded.
 *
 * @param mayMark whether the shards can remember the mark, too, of a topic of which they have partitions already
 * @throws TopicRefusal when they remember two topics as the first of the name
 */
export function generationOf(
  topic: string,
  id: string | null,
  last: ReadonlyMap<string, number>,
  mayMark: (mark: string) => boolean = () => true,
): TopicGeneration {
  const first = id === null ? null : firstIdOf(topic, last);
  const isMarked = first !== null || hasLater(topic, last);
  const isFirst = id === null || first === id || !isMarked;
  const name = isFirst ? topic : `${topic}@${id}`;
  const progress = new TopicProgress(topic);
  let isKnown = false;
  for (const [partition, offset] of partitionsOf(name, last)) {
    isKnown = true;
    progress.read(partition, offset + 1);
  }
  const mark = id === null || isMarked ? null : markOf(topic, id);
  // To be read as before marks were is better than not at all.
  if (mark !== null && isKnown && !mayMark(mark)) {
    return { id, isFirst, name, mark: null, sentence: unmarked(topic), progress };
  }
  const sentence = isFirst || isKnown ? null : anew(topic, first, id);
  return { id, isFirst, name, mark, sentence, progress };
}

function unmarked(topic: string): string {
  return `Which topic ${topic} is cannot be remembered, as too many partitions of topics are or were read: if it is ` +
    "deleted and made anew while nobody reads it, use another name, as the new one's records would count as read already.";
}

function anew(topic: string, first: string | null, id: string | null): string {
  const ids = `its id ${first === null ? "at first is not known" : `was ${first} at first`}, and is ${id}`;
  return `${topic} was deleted and made anew (${ids}): it is read from its beginning. ` +
    "What the old one held and was not read by then is gone with it.";
}

const markOf = (topic: string, id: string) => `${topic}#${id}`;

function firstIdOf(topic: string, last: ReadonlyMap<string, number>): string | null {
  const begin = markOf(topic, "");
  const marks = [...last.keys()].filter((name) => name.startsWith(begin));
  const ids = marks.map((name) => name.slice(begin.length, name.lastIndexOf("/")));
  if (ids.length > 1) {
    throw new TopicRefusal(
      `the shards remember ${
        ids.join(" and ")
      } as the ids of the first ${topic}, so that what is a repeat is not known. ` +
        "Use a topic of another name",
    );
  }
  return ids[0] ?? null;
}

function hasLater(topic: string, last: ReadonlyMap<string, number>): boolean {
  return [...last.keys()].some((name) => name.startsWith(`${topic}@`));
}

function* partitionsOf(
  name: string,
  last: ReadonlyMap<string, number>,
): Generator<readonly [partition: number, offset: number]> {
  const begin = partitionName(name, 0).slice(0, -1);
  for (const [each, offset] of last) {
    if (each.startsWith(begin)) yield [Number(each.slice(begin.length)), offset];
  }
}

const commitTag = "topic-id:";

/** What is committed with an offset, so that it is not taken for another topic's of the name. */
export function commitMetadata({ id }: TopicGeneration): string {
  return id === null ? "" : commitTag + id;
}

/** Whether it was committed of this topic, as far as is known: what has no id is of before ids were, or of the library. */
export function isCommitOf({ id, isFirst }: TopicGeneration, metadata: string | null): boolean {
  if (id === null) return true;
  return metadata?.startsWith(commitTag) ? metadata === commitTag + id : isFirst;
}
