/** IP protocol numbers of ICMP. */
export const icmp = 1;
export const icmpv6 = 58;

/** RFC 792 and RFC 4443: messages about another packet. */
export function isIcmpError(protocol: number, type: number): boolean {
  if (protocol === icmpv6) return type >= 0 && type < 128;
  return protocol === icmp && [3, 4, 5, 11, 12].includes(type);
}

/**
 * What stands for both ports of an ICMP message in a flow's key: type * 256 +
 * code, a reply's that of the request it answers.
 */
export function icmpKeyPort(protocol: number, type: number, code: number): number {
  const request = protocol === icmpv6 ? replies6.get(type) : replies4.get(type);
  return request === undefined ? type * 256 + code : request * 256;
}

/** Reply types and their requests. */
const replies4 = new Map([
  [0, 8],
  [14, 13],
  [16, 15],
  [18, 17],
]);
const replies6 = new Map([[129, 128]]);
