/** Has the `kafkajs` of this thread read what is fetched by `record_batches.ts`. */

import Decoder from "kafkajs/src/protocol/decoder.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import fetchResponse from "kafkajs/src/protocol/requests/fetch/v11/response.js";
import { Buffer } from "node:buffer";
import { errorMessage } from "../../core/errors.ts";
import { isCompressed, readRecordBatches, unreadable, wholeBatches } from "./record_batches.ts";

type Reader = InstanceType<typeof Decoder>;

const sizeBytes = 4;

async function messagesOf(reader: Reader) {
  const size = reader.readInt32();
  return size <= 0 ? [] : await readMessages(reader.readBytes(size));
}

/** The messages of the batches in `bytes`. Rejects when there is one that cannot be read, and is not compressed. */
export async function readMessages(bytes: Buffer) {
  const messages = readRecordBatches(bytes);
  if (messages !== null) return messages;
  try {
    return await byLibrary(bytes);
  } catch (thrown) {
    const batches = wholeBatches(bytes);
    if (batches === null) throw thrown;
    return (await Promise.all(batches.map(messagesOfBatch))).flat();
  }
}

async function messagesOfBatch(batch: Buffer) {
  if (!isCompressed(batch)) return readRecordBatches(batch) ?? [];
  try {
    return await byLibrary(batch);
  } catch (thrown) {
    return [unreadable(batch, errorMessage(thrown))];
  }
}

function byLibrary(bytes: Buffer) {
  const size = Buffer.alloc(sizeBytes);
  size.writeInt32BE(bytes.length);
  return decodeMessages(new Decoder(Buffer.concat([size, bytes])));
}

const abortedOf = (reader: Reader) => ({
  producerId: reader.readInt64().toString(),
  firstOffset: reader.readInt64().toString(),
});

// Fields are read in the order in which they are written here.
const partitionOf = async (reader: Reader) => ({
  partition: reader.readInt32(),
  errorCode: reader.readInt16(),
  highWatermark: reader.readInt64().toString(),
  lastStableOffset: reader.readInt64().toString(),
  lastStartOffset: reader.readInt64().toString(),
  abortedTransactions: reader.readArray(abortedOf),
  preferredReadReplica: reader.readInt32(),
  messages: await messagesOf(reader),
});

const topicOf = async (reader: Reader) => ({
  topicName: reader.readString(),
  partitions: await reader.readArrayAsync(partitionOf),
});

/** As the library's own for the newest version that it knows, which every broker since Kafka 2.3 speaks. */
async function decode(payload: Buffer) {
  const reader = new Decoder(payload);
  const clientSideThrottleTime = reader.readInt32();
  const [errorCode, sessionId] = [reader.readInt16(), reader.readInt32()];
  const responses = await reader.readArrayAsync(topicOf);
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

export function readBatchesOurselves(): void {
  Object.assign(fetchResponse, { decode });
}
