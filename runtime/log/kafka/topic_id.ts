/**
 * By what Kafka tells a topic from one that was made anew under its name: an id, which `kafkajs` never asks for.
 *
 * The request is Metadata of version 12 (https://kafka.apache.org/protocol#The_Messages_Metadata), which brokers answer
 * from Kafka 3.0 on.
 */

import { Buffer } from "node:buffer";
import type { Cluster } from "kafkajs";
import Decoder from "kafkajs/src/protocol/decoder.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { createErrorFromCode, failure } from "kafkajs/src/protocol/error.js";

type Reader = InstanceType<typeof Decoder>;

const apiKey = 3;
const apiVersion = 12;
const idBytes = 16;
const noId = Buffer.alloc(idBytes);

/** What every broker of the library has, and its types leave out. */
interface Sender {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>>;
  readonly connectionPool: { send(request: unknown): Promise<TopicAnswer> };
}

const canSend = (broker: object): broker is Sender => "versions" in broker && "connectionPool" in broker;

interface TopicAnswer {
  readonly errorCode: number;
  /** As Kafka's tools write it. */
  readonly id: string | null;
}

/** Null where the brokers know no ids. Throws the library's errors, as for a topic that is not there. */
export async function topicIdOf(cluster: Cluster, topic: string): Promise<string | null> {
  await cluster.refreshMetadataIfNecessary();
  const broker = await cluster.findControllerBroker();
  if (!canSend(broker) || (broker.versions[apiKey]?.maxVersion ?? 0) < apiVersion) return null;
  const { errorCode, id } = await broker.connectionPool.send({
    request: { apiKey, apiVersion, apiName: "Metadata", encode: () => Promise.resolve(encodeRequest(topic)) },
    response: {
      decode: (bytes: Buffer) => Promise.resolve(decodeAnswer(bytes)),
      parse: (answer: TopicAnswer) => Promise.resolve(answer),
    },
  });
  if (failure(errorCode)) throw createErrorFromCode(errorCode);
  return id;
}

function noTags(encoder: Encoder): Encoder {
  return encoder.writeUVarInt(0);
}

function encodeRequest(topic: string): Encoder {
  const named = noTags(new Encoder().writeBuffer(noId).writeUVarIntString(topic));
  // The header's tags come first. Neither is the topic to be made, nor what may be done with it to be told.
  const head = noTags(new Encoder()).writeUVarIntArray([named]);
  return noTags(head.writeBoolean(false).writeBoolean(false));
}

/** Of the one topic that was asked for. */
function decodeAnswer(bytes: Buffer): TopicAnswer {
  const reader = new Decoder(bytes);
  reader.readTaggedFields();
  // How long to wait.
  reader.readInt32();
  reader.readUVarIntArray(skipBroker);
  // Cluster and controller.
  reader.readUVarIntString();
  reader.readInt32();
  // The array's length, one more than it has.
  reader.readUVarInt();
  const errorCode = reader.readInt16();
  reader.readUVarIntString();
  const id = reader.buffer.subarray(reader.offset, reader.offset + idBytes);
  return { errorCode, id: id.equals(noId) ? null : id.toString("base64url") };
}

function skipBroker(reader: Reader): void {
  reader.readInt32();
  reader.readUVarIntString();
  reader.readInt32();
  reader.readUVarIntString();
  reader.readTaggedFields();
}
