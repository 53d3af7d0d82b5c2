/** Names on the wire that the sensor uses; the last token is the sensor's name. */
export const flowsSubject = (sensor: string): string => `picket.flows.v1.${sensor}`;
export const gapsSubject = (sensor: string): string => `picket.gaps.v1.${sensor}`;
export const statusSubject = (sensor: string): string => `picket.status.v1.${sensor}`;
/** Says what the correlators have applied of this sensor. */
export const appliedSubject = (sensor: string): string => `picket.applied.v1.${sensor}`;
export const policyRequestSubject = (sensor: string): string => `picket.policy.get.${sensor}`;
/** Says that there is a new policy revision. */
export const policySubject = "picket.policy.v1";

/** The sensor's clock at this publish, microseconds since the Unix epoch. */
export const sentAtHeader = "Picket-Sent-At";
