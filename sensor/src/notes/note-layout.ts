/**
 * Notes of one flow in 32 bytes, so that a new flow costs one line of cache:
 * bytes 0-11 fingerprint, 12 state, 13 application, 14 length of the name that
 * waits (0 none), 16-17 payloads each way, 20-23 payload bytes each way (16
 * bits), 24-31 place of the name in the ring (a double).
 */
export const noteShift = 5;
/** From a slot to its first 16-bit word and its first double. */
export const noteWordsShift = noteShift - 1;
export const noteDoublesShift = noteShift - 3;

/** Places of bytes. */
export const stateAt = 12;
export const applicationAt = 13;
export const nameLengthAt = 14;
/** Forward; the reverse way is next to it. */
export const payloadsAt = 16;
/** Place of a word: forward, with the reverse way next to it. */
export const payloadBytesAt = 10;
/** Place of a double. */
export const namePlaceAt = 3;

/** State: payload of this way is still wanted. */
export const forwardOpen = 0x01;
export const reverseOpen = 0x02;
export const bothOpen = forwardOpen | reverseOpen;
export const isTcp = 0x04;
export const hasFingerprint = 0x08;
