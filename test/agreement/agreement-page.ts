import type { TsharkAgreement } from "./agree-about.js";
import type { FlowAgreement } from "./compare-flows.js";

/** One row of the page. */
export interface ComparedRow {
  readonly name: string;
  readonly tshark: TsharkAgreement;
  readonly nfpcapd: FlowAgreement;
}

const head = `# Agreement with other meters

Written by \`npm run agreement\`; do not edit. It installs the peers (tshark, and nfpcapd of the package nfdump) where
they are missing, meters every capture by all of them and exits 1 when a flow differs for no reason of this page. A
test does the same with the peers that are installed.

Two flows are equal when the protocol, both ends, the packets and the bytes of each direction, the time of the
first and the time of the last packet are. Times are compared to the microsecond with tshark, which tells every
packet, and to the millisecond with nfpcapd, which keeps no more.
`;

const definitions = `## What is compared with what

| | Picket | tshark | nfpcapd |
| --- | --- | --- | --- |
| bytes | layer 3: the IP header's total length, IPv6 with its 40 bytes; no link layer, no Ethernet padding; also of packets that were captured in part | the same, from \`ip.len\` and \`ipv6.plen\` | the same |
| flow | both directions; protocol, addresses, ports | TCP: \`tcp.stream\`; others: protocol, addresses, ports. Its own numbers of UDP conversations are not used: they also count what SDP announces | one direction; both are added up |
| a port used again | a SYN with another sequence number, after the connection ended or where one side was not seen, begins a flow | a SYN with another sequence number begins a stream | flows end at the first FIN or RST; those of a key are added up on both sides |
| timeouts | twice: none; then idle 30 s, active 60 s (whose records are added up), linger 30 s | twice: none; then cut where nothing came for 30 s | 3600 s, the longest it takes; flows of a key are added up |
| ICMP | requests and replies of a type are one flow, its code 0; errors are no flows | the same, from type and code | a flow for each packet; requests and replies are paired by the same rule, errors left out |
| fragments | the first is metered with its own length, later ones are counted | the same (not put together) | IPv4: put together, the datagram's length; IPv6: not understood |
| VLAN | not part of the key | not part of the key | not part of the key |
| tunnels (GRE, VXLAN) | the packet inside all of them | the same | GRE: the packet inside; VXLAN: the datagram outside |
| multicast, broadcast | flows like others | the same | the same |
| IP length 0 (segmentation offload) | what was captured | the same | 0 bytes |
| other protocols | flows without ports; SCTP with ports | the same | flows without ports, SCTP too |

## Why packets are of no flow

- **not IP**: ARP, LLC, LLDP and the like.
- **ICMP error**: it changes the outcome of the flow it is about and is counted.
- **later fragment**: it has no ports; it is counted.
- **transport header cut off**: less than a whole TCP, UDP, SCTP or ICMP header was captured. tshark shows the ports
  of less.
- **damaged header**: the IP header contradicts itself (version, header length, total length). nfpcapd meters some.

## Why flows differ

- **file out of time order**: the file was put together from pieces; its times go back by more than 10 s. Picket takes
  that for a clock set back: what it has reported stays as it was, and silence is measured by the new time. Packets
  and bytes are equal; start, end or the cuts are not. nfpcapd reports ends before starts.
- **IP length 0**: segmentation offload leaves the length to the network card; nfpcapd counts 0 bytes.
- **fragments put together**: nfpcapd counts the datagram, Picket its first fragment.
- **IPv6 extension headers**: nfpcapd takes the first for the protocol.
- **SCTP ports**: nfpcapd reads none.
- **VXLAN**: Picket meters the packet inside, nfpcapd the datagram outside.
- **802.1ad tag**: nfpcapd skips a frame with a service tag outside.
- **damaged header**: nfpcapd meters packets whose header Picket refuses.
`;

const resultHead = `## Results

Equal of ours and theirs, then the reasons of the keys that differ.
`;

/** The text of docs/agreement.md. */
export function agreementPage(rows: readonly ComparedRow[]): string {
  const titles = ["capture", "packets", "of no flow", "tshark", "tshark, idle 30 s", "nfpcapd"];
  const cells = rows.map(({ name, tshark, nfpcapd }) => [
    name,
    String(tshark.packets),
    countsText(tshark.leftOut),
    flowsText(tshark.endless),
    flowsText(tshark.timed),
    flowsText(nfpcapd),
  ]);
  const sums = [
    "all",
    String(rows.reduce((sum, { tshark }) => sum + tshark.packets, 0)),
    countsText(sumOf(rows.map(({ tshark }) => tshark.leftOut))),
    flowsText(sumOfAgreements(rows.map(({ tshark }) => tshark.endless))),
    flowsText(sumOfAgreements(rows.map(({ tshark }) => tshark.timed))),
    flowsText(sumOfAgreements(rows.map(({ nfpcapd }) => nfpcapd))),
  ];
  return [head, definitions, resultHead, table([titles, titles.map(() => "---"), ...cells, sums])].join("\n");
}

function flowsText({ ours, theirs, equal, explained, unexplained }: FlowAgreement): string {
  const counts = `${equal} of ${ours === theirs ? ours : `${ours} and ${theirs}`}`;
  const reasons = countsText(explained);
  const rest = unexplained.length === 0 ? "" : `; **${unexplained.length} unexplained**`;
  return `${counts}${reasons === "" ? "" : `; ${reasons}`}${rest}`;
}

function countsText(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

function sumOfAgreements(agreements: readonly FlowAgreement[]): FlowAgreement {
  const sum = (count: (one: FlowAgreement) => number): number =>
    agreements.reduce((total, one) => total + count(one), 0);
  return {
    ours: sum(({ ours }) => ours),
    theirs: sum(({ theirs }) => theirs),
    equal: sum(({ equal }) => equal),
    explained: sumOf(agreements.map(({ explained }) => explained)),
    unexplained: agreements.flatMap(({ unexplained }) => unexplained),
  };
}

function sumOf(maps: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of maps.flatMap((map) => [...map])) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
