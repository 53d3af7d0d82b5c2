import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { compareFlows, type FlowAgreement } from "./compare-flows.js";
import { joinFlows } from "./measured-flow.js";
import { type LeftOut, type MeteredPacket, meteredPacket } from "./metered-packet.js";
import { nfpcapdFlows } from "./nfpcapd-flows.js";
import { type PicketRun, picketFlows } from "./picket-flows.js";
import { nfpcapdReasons, tsharkReasons } from "./reasons.js";
import { tsharkFlows } from "./tshark-flows.js";
import { tsharkPackets } from "./tshark-packets.js";

/** Long enough that nothing ends by silence; more flows than any capture has. */
const endlessUs = 1e15;
const tableFlowsMax = 131_072;
/** The default idle timeout; the linger of an ended flow is as long, for tshark has none. */
const idleTimeoutUs = 30_000_000;

const endless = { idleTimeoutUs: endlessUs, activeTimeoutUs: endlessUs, lingerUs: endlessUs, tableFlowsMax };
const timed = { idleTimeoutUs, activeTimeoutUs: 2 * idleTimeoutUs, lingerUs: idleTimeoutUs, tableFlowsMax };

/** What Picket and tshark say of one capture, to the microsecond. */
export interface TsharkAgreement {
  readonly packets: number;
  /** Packets that are of no flow by Picket's definitions, by the reason tshark shows. */
  readonly leftOut: ReadonlyMap<LeftOut, number>;
  /** Flows as tshark cuts conversations. */
  readonly endless: FlowAgreement;
  /** The same, cut where nothing came for 30 s. */
  readonly timed: FlowAgreement;
}

/** Meters a capture by both and compares every flow. */
export async function agreeWithTshark(path: string): Promise<TsharkAgreement> {
  const packets = await tsharkPackets(path);
  const leftOut = new Map<LeftOut, number>();
  const metered: MeteredPacket[] = [];
  for (const packet of packets) {
    const result = meteredPacket(packet);
    if (typeof result !== "string") metered.push(result);
    else leftOut.set(result, (leftOut.get(result) ?? 0) + 1);
  }
  const [first, second] = [await picketFlows(path, endless), await picketFlows(path, timed)];
  if (first.counters["packets_received"] !== packets.length)
    throw new Error(`${path}: ${first.counters["packets_received"]} packets, tshark reads ${packets.length}`);
  return {
    packets: packets.length,
    leftOut,
    endless: compareFlows(first.flows, tsharkFlows(metered, endlessUs), tsharkReasons, 1),
    timed: compareFlows(second.flows, tsharkFlows(metered, idleTimeoutUs), tsharkReasons, 1),
  };
}

/** What Picket and nfpcapd say of the conversations of one capture, to the millisecond. */
export async function agreeWithNfpcapd(path: string): Promise<FlowAgreement> {
  const folder = mkdtempSync(join(tmpdir(), "picket-agreement-"));
  try {
    const run = await picketFlows(path, endless);
    const peer = nfpcapdFlows(unpacked(path, folder), folder);
    return compareConversations(run, peer.flows);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** nfpcapd ends a flow at its first FIN, so flows cannot be compared one by one. */
function compareConversations(run: PicketRun, theirs: Parameters<typeof joinFlows>[0]): FlowAgreement {
  const [ours, peer] = [[...joinFlows(run.flows).values()], [...joinFlows(theirs).values()]];
  return compareFlows(ours, peer, nfpcapdReasons(run.counters), 1000);
}

function unpacked(path: string, folder: string): string {
  if (!path.endsWith(".gz")) return path;
  const file = join(folder, "capture.pcap");
  writeFileSync(file, gunzipSync(readFileSync(path)));
  return file;
}
