/**
 * Names on the wire that sensors, correlators and the api share. The last token
 * of a subject is the sensor's name, which the server has authenticated.
 */
export const flowsStream = "FLOWS";
export const incidentsStream = "INCIDENTS";
export const rejectedStream = "REJECTED";

export const checkpointsStream = "CHECKPOINTS";

export const flowsPrefix = "picket.flows.v1.";
export const gapsPrefix = "picket.gaps.v1.";
export const statusPrefix = "picket.status.v1.";
/** Says what of a sensor's batches was applied; see `AppliedWatermark`. */
export const appliedPrefix = "picket.applied.v1.";
export const rejectedPrefix = "picket.rejected.v1.";
export const checkpointPieceSubject = "picket.checkpoints.v1.piece";
export const checkpointManifestSubject = "picket.checkpoints.v1.manifest";
export const policyRequestPrefix = "picket.policy.get.";
/** Says that there is a new policy revision; sensors then ask for their slice. */
export const policySubject = "picket.policy.v1";
export const incidentsSubject = "picket.incidents.v1";

export const policyBucket = "picket_policy";
export const sensorsBucket = "picket_sensors";

/** Durable pull consumer of FLOWS that all correlators share; also their queue group. */
export const correlatorsConsumer = "correlators";

/** The sensor's clock when it published the message, microseconds since the Unix epoch. */
export const sentAtHeader = "Picket-Sent-At";
/** Which checkpoint a piece belongs to. */
export const checkpointHeader = "Picket-Checkpoint";
/** Why a message lies in REJECTED. */
export const reasonHeader = "Picket-Reason";

const sensorName = /^[A-Za-z0-9_-]{1,64}$/;

/** The sensor of a subject under `prefix`, or undefined when its name is not one. */
export function sensorOfSubject(subject: string, prefix: string): string | undefined {
  if (!subject.startsWith(prefix)) return undefined;
  const name = subject.slice(prefix.length);
  return sensorName.test(name) ? name : undefined;
}
