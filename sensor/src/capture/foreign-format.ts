/** First bytes of files that people hand to a capture reader by mistake. */
const signatures: readonly (readonly [signature: string, description: string])[] = [
  ["\x28\xb5\x2f\xfd", "zstandard data: unpack it with zstd -d"],
  ["\xfd7zXZ\0", "xz data: unpack it with xz -d"],
  ["BZh", "bzip2 data: unpack it with bzip2 -d"],
  ["\x04\x22\x4d\x18", "lz4 data: unpack it with lz4 -d"],
  ["\x1f\x8b", "gzip data within gzip data"],
  ["PK\x03\x04", "a ZIP archive: unpack it first"],
  ["snoop\0\0\0", "a snoop capture: convert it with editcap -F pcap"],
  ["TRSNIFF data", "a Sniffer capture: convert it with editcap -F pcap"],
  ["GMBU", "a Network Monitor capture: convert it with editcap -F pcap"],
  ["RTSS", "a Network Monitor capture: convert it with editcap -F pcap"],
  ["\xa1\xb2\xcd\x34", "a modified pcap capture: convert it with editcap -F pcap"],
  ["\x34\xcd\xb2\xa1", "a modified pcap capture: convert it with editcap -F pcap"],
  ["\x7fELF", "a program"],
  ["\x89PNG", "an image"],
  ["%PDF", "a PDF document"],
  ["#separator", "a Zeek log: of these only conn.log can be read"],
];

/** Says in a few words what the first bytes of a file look like that is no capture. */
export function describeForeignFormat(head: Uint8Array): string {
  const start = Buffer.from(head.subarray(0, 256));
  const text = start.toString("latin1");
  const known = signatures.find(([signature]) => text.startsWith(signature));
  if (known !== undefined) return known[1];
  if (start.every((byte) => byte === 0)) return "nothing but zeros";
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) return "text";
  return `unknown data (it begins with ${start.subarray(0, 4).toString("hex")})`;
}
