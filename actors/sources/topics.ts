/** The topics that panels write to, as sources: see `records.ts`. */

import type { RecordBatch } from "../../runtime/node/engine.ts";
import type { ReadRecord } from "../../runtime/topics/partition_lane.ts";
import type { ReadTopic } from "../../runtime/topics/topic_source.ts";
import { parseRecord, type RecordForm } from "./records.ts";

function reader(form: RecordForm): ReadTopic {
  return ({ offset, value }: ReadRecord, batch: RecordBatch) => {
    const units = value?.length ?? 0;
    parseRecord(form, value, {
      message: (id, message) => batch.add(offset, "sensor", id, message, units),
      refused: (reason, detail, beginning) => batch.refuse(offset, reason, detail, beginning),
    });
  };
}

export interface TopicSettings {
  readonly entryTopic: string;
  readonly okTopic: string;
  /** Topics keyed by id, that are folded directly. */
  readonly keyedTopics: readonly string[];
}

/** For `runTopicSource`: those that are re-keyed. */
export function panelTopics(
  { entryTopic, okTopic, keyedTopics }: TopicSettings,
): ReadonlyMap<string, ReadTopic> {
  const forms = [[entryTopic, "reading"], [okTopic, "recovery"]] as const;
  const rekeyed = forms.filter(([topic]) => !keyedTopics.includes(topic));
  return new Map(rekeyed.map(([topic, form]) => [topic, reader(form)]));
}

/** For the engine: what is folded directly, with the names of its readers. All but the topic of recoveries hold readings. */
export function keyedTopicReaders(
  { okTopic, keyedTopics }: TopicSettings,
): Readonly<Record<string, RecordForm>> {
  return Object.fromEntries(keyedTopics.map((topic) => [topic, topic === okTopic ? "recovery" : "reading"]));
}
