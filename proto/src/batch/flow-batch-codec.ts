/**
 * `picket.v1.FlowBatch` by hand, between a message and `FlowColumns`: the hot
 * path of every flow, without an allocation per record. Kept equal to the
 * generated code by flow-batch-codec.spec.ts.
 */
export { decodeFlowBatch } from "./decode-flow-batch.js";
export { encodeFlowBatch } from "./encode-flow-batch.js";
export { flowBatchErrors, type FlowBatchError } from "./flow-batch-errors.js";
