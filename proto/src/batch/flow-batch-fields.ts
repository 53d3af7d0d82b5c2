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
  startDeltaUs: 14,
  durationUs: 15,
  forwardPackets: 16,
  reversePackets: 17,
  forwardBytes: 18,
  reverseBytes: 19,
  traits: 20,
  trait: 21,
  fingerprints: 22,
  fingerprintRecordDelta: 23,
  fingerprint: 24,
  names: 25,
  nameLength: 26,
  nameRecordDelta: 27,
  name: 28,
  arp: 29,
} as const;

/** The highest field number plus one: the size of a table by field. */
export const flowBatchFieldsEnd = 30;

/** Bytes of one entry of `traits`. */
export const traitBytes = 6;

/** Field numbers of `picket.v1.ArpRecords`. */
export const arpRecordsField = {
  macs: 1,
  sender: 2,
  target: 3,
  senderMac: 4,
  targetMac: 5,
  state: 6,
  startDeltaUs: 7,
  durationUs: 8,
  packets: 9,
} as const;

/** The highest field number plus one. */
export const arpRecordsFieldsEnd = 10;

/** Bytes of one MAC address. */
export const macBytes = 6;

/** Protobuf wire types. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;
