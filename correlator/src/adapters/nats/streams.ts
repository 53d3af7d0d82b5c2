import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import type { StreamConfig } from "@nats-io/jetstream";
import * as subjects from "./subjects.js";

const secondNanos = 1e9;
const daySeconds = 86_400;
const mebibyte = 1024 * 1024;

/** Room for the headers of a flow message beside its batch, bytes. */
const headerBytesMax = 1024;
const flowMessageBytesMax = batchBytesMax + headerBytesMax;
const rejectedBytesMax = 64 * mebibyte;
const rejectedMessageBytesMax = batchBytesMax + 2 * headerBytesMax;
/** A quota may be this much smaller than planned before it is called too small. */
const quotaShrinkMax = 8;

/** What a deployment may choose about the streams. */
export interface StreamSettings {
  /** Copies of every message: 1, or 3 on a cluster. */
  readonly replicas: number;
  /** Bytes of flows kept; the oldest go first. */
  readonly flowsBytesMax: number;
  /** Bytes of incident events kept; the oldest go first. */
  readonly incidentsBytesMax: number;
  /** Bytes of checkpoints kept; the oldest go first. */
  readonly checkpointsBytesMax?: number;
}

export const defaultStreamSettings: StreamSettings = {
  replicas: 1,
  flowsBytesMax: 2048 * mebibyte,
  incidentsBytesMax: 1024 * mebibyte,
};

/** A stream as it must be; durations are nanoseconds, 0 is without limit. */
export type StreamPlan = Partial<StreamConfig> & {
  readonly name: string;
  readonly subjects: string[];
  readonly max_bytes: number;
  readonly max_msg_size: number;
};

/**
 * Messages kept of one sensor: in the largest of batches they fill half of the
 * stream. What a sensor sends beyond it displaces its own oldest messages, so
 * that the other half stays for all others; `discard: new` would instead refuse
 * everybody's newest flows once the stream is full.
 */
export function messagesPerSensorMax(bytesMax: number, messageBytesMax: number): number {
  return Math.max(1, Math.floor(bytesMax / 2 / messageBytesMax));
}

/**
 * Every stream and bucket of Picket. Nothing may be purged or deleted from the
 * logs: a publisher could otherwise name the purge request as its reply subject.
 */
export function streamPlans(settings: StreamSettings): StreamPlan[] {
  return [
    logPlan(subjects.flowsStream, [`${subjects.flowsPrefix}*`, `${subjects.gapsPrefix}*`], {
      max_bytes: settings.flowsBytesMax,
      max_age: 8 * daySeconds * secondNanos,
      max_msg_size: flowMessageBytesMax,
      max_msgs_per_subject: messagesPerSensorMax(settings.flowsBytesMax, flowMessageBytesMax),
    }),
    logPlan(subjects.incidentsStream, [subjects.incidentsSubject], {
      max_bytes: settings.incidentsBytesMax,
      max_age: 0,
      max_msg_size: mebibyte,
    }),
    logPlan(subjects.rejectedStream, [`${subjects.rejectedPrefix}*`], {
      max_bytes: rejectedBytesMax,
      max_age: 8 * daySeconds * secondNanos,
      max_msg_size: rejectedMessageBytesMax,
      max_msgs_per_subject: messagesPerSensorMax(rejectedBytesMax, rejectedMessageBytesMax),
    }),
    logPlan(subjects.checkpointsStream, ["picket.checkpoints.v1.*"], {
      max_bytes: settings.checkpointsBytesMax ?? 256 * mebibyte,
      max_age: 9 * daySeconds * secondNanos,
      max_msg_size: mebibyte,
    }),
    bucketPlan(subjects.policyBucket, {
      max_bytes: 16 * mebibyte,
      max_msgs_per_subject: 64,
      max_msg_size: mebibyte / 4,
    }),
    bucketPlan(subjects.sensorsBucket, {
      max_bytes: 64 * mebibyte,
      max_msgs_per_subject: 1,
      max_msg_size: mebibyte / 8,
    }),
  ].map((plan) => ({ ...plan, num_replicas: settings.replicas }));
}

function logPlan(
  name: string,
  streamSubjects: string[],
  limits: { max_bytes: number; max_age: number; max_msg_size: number; max_msgs_per_subject?: number },
): StreamPlan {
  return {
    name,
    subjects: streamSubjects,
    retention: "limits",
    storage: "file",
    discard: "old",
    duplicate_window: 120 * secondNanos,
    deny_purge: true,
    deny_delete: true,
    ...limits,
  };
}

/** A key-value bucket is a stream with these settings; its markers of deletion need the purge permission. */
function bucketPlan(
  bucket: string,
  limits: { max_bytes: number; max_msgs_per_subject: number; max_msg_size: number },
): StreamPlan {
  return {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    retention: "limits",
    storage: "file",
    discard: "new",
    allow_rollup_hdrs: true,
    allow_direct: true,
    deny_delete: true,
    ...limits,
  };
}

/** What is wrong with an existing stream, as "it ... : what to do"; undefined when it can be used. */
export function streamFault(found: StreamConfig, plan: StreamPlan): string | undefined {
  const missing = plan.subjects.find((subject) => !found.subjects?.includes(subject));
  const faults: [boolean, string][] = [
    [found.storage !== "file", "keeps its messages in memory: recreate it with file storage"],
    [
      found.retention !== "limits",
      "does not keep messages after they were read: recreate it with limits retention",
    ],
    [missing !== undefined, `does not take ${missing}: add the subject`],
    [!(found.max_bytes > 0), "has no limit of bytes: set max_bytes"],
    [plan.deny_purge === true && !found.deny_purge, "may be purged: recreate it with deny_purge"],
    [
      plan.deny_delete === true && !found.deny_delete,
      "lets messages be deleted: recreate it with deny_delete",
    ],
    [
      (found.duplicate_window ?? 0) < (plan.duplicate_window ?? 0),
      "forgets message ids too soon: set duplicate_window to 120 s or more",
    ],
    [
      found.max_age > 0 && (plan.max_age === 0 || found.max_age < (plan.max_age ?? 0)),
      "drops messages too soon: raise max_age",
    ],
    [
      found.max_msg_size > 0 && found.max_msg_size < plan.max_msg_size,
      `refuses large messages: set max_msg_size to ${plan.max_msg_size}`,
    ],
    [
      found.max_msgs_per_subject > 0 && plan.max_msgs_per_subject === undefined,
      "drops messages by subject: remove max_msgs_per_subject",
    ],
    ...quotaFaults(found, plan),
    [found.max_msgs > 0, "drops messages by count: remove max_msgs"],
  ];
  return faults.find(([isFault]) => isFault)?.[1];
}

/** What is wrong with what one sensor may take of a log, and with what happens when it is full. */
function quotaFaults(found: StreamConfig, plan: StreamPlan): [boolean, string][] {
  const { max_msgs_per_subject: quota, discard } = plan;
  if (discard !== "old") return [];
  const refusesNew: [boolean, string] = [
    found.discard !== "old",
    "refuses what is new when it is full: set discard to old",
  ];
  if (quota === undefined) return [refusesNew];
  const kept = found.max_msgs_per_subject;
  return [
    refusesNew,
    [!(kept > 0), `lets one sensor displace all others: set max_msgs_per_subject to ${quota}`],
    [kept > quota, `lets one sensor take more than half: set max_msgs_per_subject to ${quota} or less`],
    [
      kept < quota / quotaShrinkMax,
      `keeps too little of a sensor: set max_msgs_per_subject to ${quota}, or at least to ${Math.ceil(quota / quotaShrinkMax)}`,
    ],
  ];
}
