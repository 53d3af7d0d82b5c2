import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { PicketError } from "@picket/proto/picket-error.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import { streamFault, streamPlans } from "./streams.js";
import type { StreamPlan, StreamSettings } from "./streams.js";

/**
 * Creates the streams and buckets that are missing and checks those that exist;
 * never changes one. Throws PicketError SERVER_TOO_OLD, SERVER_CONFIG (naming
 * the stream and what to do) or SERVER_UNREACHABLE (try again).
 */
export async function ensureStreams(connection: NatsConnection, settings: StreamSettings): Promise<void> {
  checkServerVersion(connection);
  const manager = await openManager(connection);
  for (const plan of streamPlans(settings)) {
    const info = (await findStream(manager, plan.name)) ?? (await createStream(manager, plan));
    const fault = streamFault(info.config, plan);
    if (fault !== undefined)
      throw new PicketError("SERVER_CONFIG", `nats stream ${plan.name} ${fault}`, { field: plan.name });
  }
}

/** Throws PicketError SERVER_TOO_OLD below 2.9, which lacks named consumers and quotas by subject. */
export function checkServerVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? "0.0";
  const [major, minor] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 9)) return;
  throw new PicketError("SERVER_TOO_OLD", `nats-server ${version} is too old: install 2.9 or later`);
}

/** JetStream that is off for good is a fault of the configuration; in a cluster it may be a passing one. */
async function openManager(connection: NatsConnection): Promise<JetStreamManager> {
  try {
    return await jetstreamManager(connection, { timeout: 5000 });
  } catch (error) {
    const isOff = connection.info?.jetstream !== true && connection.info?.cluster === undefined;
    if (isJetstreamCode(error, jetstreamCodes.notEnabledForAccount) || isOff)
      throw new PicketError(
        "SERVER_CONFIG",
        "nats has no jetstream: enable it in the server's configuration",
        {
          cause: error,
        },
      );
    throw natsFailure(error, "use jetstream");
  }
}

async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.streamNotFound)) return undefined;
    throw natsFailure(error, `look at stream ${name}`);
  }
}

async function createStream(manager: JetStreamManager, plan: StreamPlan): Promise<StreamInfo> {
  try {
    return await manager.streams.add(plan);
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.streamNameInUse)) return await manager.streams.info(plan.name);
    if (
      isJetstreamCode(error, jetstreamCodes.storageExceeded) ||
      isJetstreamCode(error, jetstreamCodes.insufficientResources)
    )
      throw new PicketError(
        "SERVER_CONFIG",
        `nats has no room for stream ${plan.name} of ${plan.max_bytes} bytes: raise max_file_store or lower the limit`,
        { cause: error, field: plan.name },
      );
    throw natsFailure(error, `create stream ${plan.name}`);
  }
}
