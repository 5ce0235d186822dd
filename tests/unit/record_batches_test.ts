/** What `kafkajs` writes is read as `kafkajs` reads it. */

import assert from "node:assert/strict";
import fc from "fast-check";
import Decoder from "kafkajs/src/protocol/decoder.js";
import recordOf from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import recordBatch from "kafkajs/src/protocol/recordBatch/v0/index.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import { isCompressed, readBatch, wholeBatches } from "../../runtime/log/kafka/record_batches.ts";

interface NewRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly stampMs: number;
}

interface NewBatch {
  readonly firstOffset: number;
  readonly records: readonly NewRecord[];
  readonly isInTransaction: boolean;
}

async function batchBytes({ firstOffset, records, isInTransaction }: NewBatch): Promise<Buffer> {
  const firstTimestamp = records[0]?.stampMs ?? 0;
  const encoder = await recordBatch.RecordBatch({
    firstOffset,
    firstTimestamp,
    maxTimestamp: firstTimestamp + 7,
    lastOffsetDelta: records.length - 1,
    transactional: isInTransaction,
    producerId: 4711,
    records: records.map(({ key, value, stampMs }, offsetDelta) =>
      recordOf({ key, value, offsetDelta, timestampDelta: stampMs - firstTimestamp, headers: { trace: "a" } })
    ),
  });
  return encoder.buffer;
}

async function byLibrary(bytes: Buffer): Promise<readonly unknown[]> {
  if (bytes.length === 0) return [];
  const sized = Buffer.alloc(4 + bytes.length);
  sized.writeInt32BE(bytes.length);
  sized.set(bytes, 4);
  const messages = await decodeMessages(new Decoder(sized));
  return messages.map(shape);
}

interface Fetched {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean };
}

function shape({ offset, timestamp, key, value, isControlRecord, batchContext }: Fetched) {
  const { producerId, inTransaction } = batchContext;
  return {
    offset,
    timestamp,
    key: key === null ? null : key.toString("latin1"),
    value: value === null ? null : value.toString("latin1"),
    isControlRecord,
    producerId,
    inTransaction,
  };
}

const bytes = (maxLength: number) =>
  fc.option(fc.uint8Array({ maxLength }).map((array) => Buffer.from(array)), { nil: null });

const batch = fc.record({
  firstOffset: fc.nat({ max: 2 ** 45 }),
  records: fc.array(
    fc.record({ key: bytes(40), value: bytes(300), stampMs: fc.integer({ min: 0, max: 2 ** 42 }) }),
    { minLength: 1, maxLength: 20 },
  ),
  isInTransaction: fc.boolean(),
});

Deno.test("readBatch() reads what kafkajs reads of the batches that are whole", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(batch, { maxLength: 4 }),
      batch,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (whole, last, ratio) => {
        const bytes = Buffer.concat(await Promise.all(whole.map(batchBytes)));
        const cut = await batchBytes(last);
        const fetched = Buffer.concat([bytes, cut.subarray(0, Math.floor(ratio * cut.length))]);
        assert.deepEqual(wholeBatches(fetched)?.flatMap(readBatch).map(shape), await byLibrary(bytes));
      },
    ),
    { numRuns: 200 },
  );
});

const one: NewBatch = {
  firstOffset: 3,
  records: [{ key: null, value: Buffer.from("{}"), stampMs: 5 }],
  isInTransaction: false,
};

Deno.test("readBatch() gives the broker's stamp where the batch says so, and tells control records", async () => {
  const bytes = await batchBytes(one);
  bytes[22]! |= 0x08 | 0x20;
  const [message] = readBatch(bytes);
  assert.deepEqual([message?.timestamp, message?.isControlRecord], ["12", true]);
  assert.deepEqual([message && shape(message)], await byLibrary(bytes));
});

Deno.test("Batches that are compressed are known by isCompressed(), and old formats are left to kafkajs by wholeBatches()", async () => {
  const compressed = await batchBytes(one);
  compressed[22]! |= 1;
  const old = await batchBytes(one);
  old[16] = 1;
  assert.deepEqual([isCompressed(compressed), isCompressed(await batchBytes(one))], [true, false]);
  assert.equal(wholeBatches(old), null);
});
