/** Field numbers of `picket.v1.FlowBatch` (picket/v1/flow.proto). */
export const flowBatchField = {
  epoch: 1,
  sequence: 2,
  baseTimeUs: 3,
  addresses: 4,
  ipv4Count: 5,
  source: 6,
  destination: 7,
  ports: 8,
  protocol: 9,
  state: 10,
  marks: 11,
  forwardTcpFlags: 12,
  reverseTcpFlags: 13,
  startDeltaUs: 14,
  durationUs: 15,
  forwardPackets: 16,
  reversePackets: 17,
  forwardBytes: 18,
  reverseBytes: 19,
} as const;

/** The highest field number plus one: the size of a table by field. */
export const flowBatchFieldsEnd = 20;

/** Protobuf wire types. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;
