/** Bytes before the IP header, by link type, where they are fixed. */
const linkHeaderBytes: Readonly<Record<number, number>> = { 0: 4, 1: 14, 12: 0, 101: 0, 113: 16 };

/**
 * Bytes a cut packet had on the wire, as its IP header states them: npm cap
 * hides the original length. The captured length where the header does not say
 * (not IP, a VLAN tag in the way, a length of 0 left to segmentation offload).
 */
export function wireLengthOf(
  view: DataView,
  offset: number,
  capturedLength: number,
  linkType: number,
): number {
  const linkBytes = linkHeaderBytes[linkType];
  if (linkBytes === undefined || capturedLength < linkBytes + 20) return capturedLength;
  const ip = offset + linkBytes;
  const ipBytes = ipLengthAt(view, ip);
  return ipBytes === 0 ? capturedLength : Math.max(linkBytes + ipBytes, capturedLength);
}

function ipLengthAt(view: DataView, ip: number): number {
  const version = view.getUint8(ip) >>> 4;
  if (version === 4) return view.getUint16(ip + 2);
  if (version !== 6) return 0;
  const payloadBytes = view.getUint16(ip + 4);
  return payloadBytes === 0 ? 0 : payloadBytes + 40;
}
