import { areEqualTogether, type FlowReason } from "./compare-flows.js";
import type { MeasuredFlow } from "./measured-flow.js";
import type { TsharkFlow } from "./tshark-flows.js";

type Counters = Readonly<Record<string, number>>;

/** IPv6 extension headers that nfpcapd takes for the protocol. */
const extensionProtocols = ["0", "43", "44", "60"];
const endlessUnitUs = Number.MAX_SAFE_INTEGER;

/** Why Picket may differ from tshark; see docs/agreement.md. */
export const tsharkReasons: readonly FlowReason<TsharkFlow>[] = [
  {
    name: "file out of time order",
    explains: (ours, theirs) => theirs.some((flow) => flow.isDisordered) && haveSamePackets(ours, theirs),
  },
];

/** Why Picket may differ from nfpcapd. `counters` are Picket's of the same file. */
export function nfpcapdReasons(counters: Counters): readonly FlowReason<MeasuredFlow>[] {
  const isCounted = (name: string): boolean => (counters[name] ?? 0) > 0;
  return [
    {
      name: "file out of time order",
      explains: (ours, theirs) => isCounted("metering_clock_steps_back") && haveSamePackets(ours, theirs),
    },
    { name: "IP length 0", explains: (ours, theirs) => isLessBytes(theirs, ours) },
    {
      name: "fragments put together",
      explains: (ours, theirs) => isCounted("packets_later_fragment") && isLessBytes(ours, theirs),
    },
    {
      name: "IPv6 extension headers",
      explains: (ours, theirs) =>
        [...ours, ...theirs].every(({ key }) => key.includes(":")) &&
        (ours.length === 0 ? theirs.every(isExtension) : theirs.length === 0),
    },
    {
      name: "SCTP ports",
      explains: (ours, theirs) => [...ours, ...theirs].every(({ key }) => key.startsWith("132 ")),
    },
    {
      name: "802.1ad tag",
      // The one flow of the generated capture that has it.
      explains: (ours, theirs) => theirs.length === 0 && ours.every(({ key }) => key.includes("#5000 ")),
    },
    {
      name: "VXLAN",
      // Its outside, and the inside of the generated ones.
      explains: (ours, theirs) =>
        ours.length === 0
          ? theirs.every(({ key }) => key.includes("#4789"))
          : theirs.length === 0 && ours.every(({ key }) => key.includes("192.168.7.")),
    },
    {
      name: "damaged header",
      explains: (ours) => isCounted("packets_bad_ipv4_header") && ours.length === 0,
    },
  ];
}

/** The same packets and bytes; only where they are cut, and when they were, differs. */
function haveSamePackets(ours: readonly MeasuredFlow[], theirs: readonly MeasuredFlow[]): boolean {
  return areEqualTogether(ours, theirs, endlessUnitUs);
}

/** The same but for bytes, of which `fewer` has fewer. */
function isLessBytes(fewer: readonly MeasuredFlow[], more: readonly MeasuredFlow[]): boolean {
  if (fewer.length !== 1 || more.length !== 1) return false;
  const [[a], [b]] = [fewer, more];
  const isLess = a.bytes[0] <= b.bytes[0] && a.bytes[1] <= b.bytes[1];
  return isLess && areEqualTogether([{ ...a, bytes: [0, 0] }], [{ ...b, bytes: [0, 0] }], 1000);
}

function isExtension({ key }: MeasuredFlow): boolean {
  return extensionProtocols.includes(key.split(" ")[0]);
}
