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

/** For `runTopicSource`. */
export function panelTopics(entryTopic = "ENTRY", okTopic = "OK"): ReadonlyMap<string, ReadTopic> {
  return new Map([[entryTopic, reader("reading")], [okTopic, reader("recovery")]]);
}
