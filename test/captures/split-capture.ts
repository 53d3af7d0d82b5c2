import { join } from "node:path";
import type { InputFile } from "@picket/deploy/local/flow-input.js";
import { CaptureFile } from "@picket/sensor/capture/capture-file.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "@picket/sensor/decode/decoded-packet.js";
import { PcapWriter } from "../scenarios/pcap-writer.js";

/**
 * Writes a capture (Ethernet) again as `sensors` captures in `folder`, as if
 * every host the scanner touched had one of the sensors: all packets of a pair
 * of addresses go to the same one. Packets without addresses are left out.
 * @param scanner the last 32 bits of the scanner's address
 */
export async function splitCapture(
  path: string,
  scanner: number,
  folder: string,
  sensors: number,
): Promise<InputFile[]> {
  const inputs = Array.from({ length: sensors }, (_, index) => ({
    sensor: `host-${index + 1}`,
    path: join(folder, `host-${index + 1}.pcap`),
  }));
  const writers = inputs.map((input) => new PcapWriter(input.path));
  const file = await CaptureFile.open(path);
  const block = new PacketBlock();
  const packet = new DecodedPacket();
  while (await file.next(block)) {
    for (let i = 0; i < block.count; i++) {
      const { bytes, view, offset, capturedLength, linkType, timeUs } = block;
      const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
      if (result !== DecodeResult.flow) continue;
      const writer = writers[sensorOf(packet, scanner, sensors)];
      const at = writer.frame(timeUs[i], capturedLength[i]);
      writer.bytes.set(bytes.subarray(offset[i], offset[i] + capturedLength[i]), at);
    }
  }
  await file.stop();
  for (const writer of writers) writer.close();
  return inputs;
}

/** The scanner's peer decides, or both addresses of a pair without it. */
function sensorOf({ source3, destination3 }: DecodedPacket, scanner: number, sensors: number): number {
  const pair = source3 ^ destination3;
  const host = (source3 | 0) === scanner || (destination3 | 0) === scanner ? pair ^ scanner : pair;
  return (Math.imul(host, 0x9e3779b1) >>> 16) % sensors;
}
