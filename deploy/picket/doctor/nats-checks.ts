import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  isJetstreamCode,
  jetstreamCodes,
  natsFailure,
} from "@picket/correlator/adapters/nats/nats-failure.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { natsSettings } from "@picket/correlator/adapters/nats/nats-settings.js";
import { durabilityOf } from "@picket/correlator/adapters/nats/server-durability.js";
import {
  defaultStreamSettings,
  streamFault,
  streamPlans,
  type StreamPlan,
} from "@picket/correlator/adapters/nats/streams.js";
import { correlatorsConsumer, flowsStream } from "@picket/correlator/adapters/nats/subjects.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { setTimeout as delay } from "node:timers/promises";

import { failed, failedBy, passed, warned, type Check, type OnCheck } from "./check.js";
import type { DoctorConfig } from "./doctor-config.js";

const connectTimeoutMs = 5000;
const waitingBatchesMany = 10_000;
const mebibyte = 2 ** 20;
const startCorrelator = "start a correlator, which creates it: picket correlator";

/** A link that stands; undefined after telling that none can be made. The caller stops it. */
export async function connectNats(config: DoctorConfig, onCheck: OnCheck): Promise<NatsLink | undefined> {
  const link = new NatsLink(natsSettings(config), "picket doctor");
  link.start();
  try {
    await Promise.race([link.ready(), timeout(config.nats)]);
    return link;
  } catch (error) {
    await link.stop();
    onCheck(failedBy("nats", error, "start nats-server, or give --nats and credentials"));
    return undefined;
  }
}

async function timeout(urls: readonly string[]): Promise<never> {
  await delay(connectTimeoutMs, undefined, { ref: false });
  throw new PicketError(
    "SERVER_UNREACHABLE",
    `nats does not answer at ${urls.map(withoutCredentials).join(", ")}`,
  );
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}

/** The server, its accounts, JetStream, every stream and bucket, and the correlators' consumer. */
export async function checkNats(connection: NatsConnection, onCheck: OnCheck): Promise<void> {
  onCheck(checkVersion(connection));
  onCheck(checkAccess(connection));
  let manager: JetStreamManager;
  try {
    manager = await jetstreamManager(connection, { timeout: connectTimeoutMs });
  } catch (error) {
    onCheck(failedBy("nats jetstream", natsFailure(error, "use jetstream"), "enable jetstream in nats.conf"));
    return;
  }
  onCheck(await checkAccount(manager));
  for (const { name } of streamPlans(defaultStreamSettings)) onCheck(await checkStream(manager, name));
  onCheck(await checkConsumer(manager));
}

function checkVersion(connection: NatsConnection): Check {
  const { about, advice } = durabilityOf(connection.info?.version ?? "0");
  const name = "nats server";
  return advice === undefined ? passed(name, about) : warned(name, about, advice);
}

function checkAccess({ info }: NatsConnection): Check {
  const name = "nats access";
  const open = [
    info?.auth_required === true ? "" : "takes anybody",
    info?.tls_required === true ? "" : "does not ask for TLS",
  ].filter((text) => text !== "");
  if (open.length === 0) return passed(name, "asks for credentials and TLS");
  return warned(name, open.join(" and "), "set accounts and TLS as in deploy/nats/picket.conf");
}

async function checkAccount(manager: JetStreamManager): Promise<Check> {
  const name = "nats jetstream";
  try {
    const { storage, limits, streams } = await manager.getAccountInfo();
    const room = limits.max_storage > 0 ? ` of ${inMebibytes(limits.max_storage)}` : "";
    const detail = `${streams} streams, ${inMebibytes(storage)}${room}`;
    if (limits.max_storage > 0 && storage > 0.9 * limits.max_storage)
      return warned(name, detail, "raise max_file_store or the account's limit");
    return passed(name, detail);
  } catch (error) {
    return failedBy(name, natsFailure(error, "look at the account"), "let this user see its account");
  }
}

async function checkStream(manager: JetStreamManager, stream: string): Promise<Check> {
  const name = stream.startsWith("KV_") ? `nats bucket ${stream.slice(3)}` : `nats stream ${stream}`;
  try {
    const { config, state } = await manager.streams.info(stream);
    const plan = planOf(stream, config.max_bytes);
    const fault = plan === undefined ? undefined : streamFault(config, plan);
    if (fault !== undefined) return failed(name, ...faultAndAdvice(fault));
    const copies = config.num_replicas === 1 ? "1 copy" : `${config.num_replicas} copies`;
    const size = `${inMebibytes(state.bytes)} of ${inMebibytes(config.max_bytes)}`;
    return passed(name, `${state.messages} messages, ${size}, ${copies}`);
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.streamNotFound))
      return failed(name, "is not there", startCorrelator);
    return failedBy(name, natsFailure(error, `look at ${stream}`), "let this user see the stream");
  }
}

/** How the stream must be at the size it has: what one sensor may take of it follows from that. */
function planOf(stream: string, bytesMax: number): StreamPlan | undefined {
  const size = bytesMax > 0 ? { flowsBytesMax: bytesMax } : {};
  return streamPlans({ ...defaultStreamSettings, ...size }).find(({ name }) => name === stream);
}

/** "has no limit of bytes: set max_bytes" in its two halves. */
function faultAndAdvice(fault: string): [detail: string, advice: string] {
  const colon = fault.indexOf(": ");
  return [fault.slice(0, colon), fault.slice(colon + 2)];
}

async function checkConsumer(manager: JetStreamManager): Promise<Check> {
  const name = "nats consumer";
  try {
    const { num_pending, num_ack_pending, num_waiting } = await manager.consumers.info(
      flowsStream,
      correlatorsConsumer,
    );
    const detail = `${num_pending} batches wait, ${num_ack_pending} in hand, ${num_waiting} requests for more`;
    if (num_waiting === 0 && num_ack_pending === 0)
      return warned(name, `${detail}: nobody reads`, "start a correlator: picket correlator");
    if (num_pending > waitingBatchesMany) return warned(name, detail, "start another correlator");
    return passed(name, detail);
  } catch (error) {
    if (
      isJetstreamCode(error, jetstreamCodes.consumerNotFound) ||
      isJetstreamCode(error, jetstreamCodes.streamNotFound)
    )
      return failed(name, "no correlator ever read the flows", "start one: picket correlator");
    return failedBy(name, natsFailure(error, "look at the consumer"), "let this user see the stream");
  }
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(bytes < 10 * mebibyte ? 1 : 0)} MiB`;
}
