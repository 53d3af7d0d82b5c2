import type { IncidentKind, Severity } from "@picket/correlator/incidents/incident.js";
import { incidentKinds } from "@picket/correlator/incidents/incident.js";
import { expectedFlowLogs } from "./expected-flow-logs.js";
import type { ExpectedRun } from "./expected-run.js";
import { raises, raisesNothing } from "./expected-run.js";
import type { IncidentPattern } from "./verdict.js";

const nmapSource = "192.168.1.10";
const nmapTarget = "192.168.1.25";
const workstation = (name: string): string =>
  `both-ends/empire_wmi_dcerpc_wmi_IWbemServices_ExecMethod_${name}_2020-09-21001437.cap`;

/**
 * What the indexes say of every capture and flow log: read from them and from
 * the files, never from what the code happens to put out. Severities of scans
 * follow from the number of contacts: 7 low, 25 medium, 100 high.
 */
export const expectedRuns: readonly ExpectedRun[] = [
  raises("arp/arppoison.pcapng", "ARP spoof of 172.16.0.1", {
    kinds: ["arp_spoof"],
    parties: ["172.16.0.1"],
  }),
  raises("arp/hs-arpScan.pcap", "ARP scan of 256 addresses in 1 s", { kinds: ["arp_scan"] }),
  raises("arp/test8-malicious.pcap", "ARP scan of 255 addresses by 192.168.1.247", {
    kinds: ["arp_scan"],
    sources: ["192.168.1.247"],
  }),
  raises("arp/training3.pcap", "ARP spoof: one MAC claims .1 and .254 to each other", {
    kinds: ["arp_spoof"],
  }),
  raises(
    "arp/week5_shadow_device_arp_spoof.pcap",
    "one ARP conflict, 10.0.1.11; ports 23 and BitTorrent by policy",
    { kinds: ["arp_spoof"], parties: ["10.0.1.11"] },
    { allowed: [{ kinds: ["suspicious_port"] }] },
  ),
  raises("beacon/ssh-bruteforce.pcap", "67 SSH connections: not a scan (brute force if built)", {
    kinds: ["brute_force"],
    sources: ["147.32.80.40"],
    targets: ["147.32.80.37"],
    contactsMin: 60,
  }),
  raises("beacon/test-cc-capture-1.pcap", "a beacon, one connection each 2.2 s; not a scan, not a flood", {
    kinds: ["beacon"],
    sources: ["147.32.80.37"],
    targets: ["141.193.213.21"],
  }),
  raisesNothing("benign/bob2diego.pcap", "VoIP and DNS: none"),
  raisesNothing("benign/echo-connections.pcap.gz", "500 parallel echo connections: none"),
  raisesNothing("benign/http_espn_fail.pcapng", "a browser retries a dead site: none"),
  raisesNothing("benign/ntp2.pcap", "an NTP client of 17 servers: none"),
  raisesNothing("benign/ocs.pcap", "a one-sided capture: none"),
  raisesNothing("benign/ospf.pcap", "misconfiguration: low at most", {
    allowed: [{ kinds: incidentKinds, severityMax: "low" }],
  }),
  raisesNothing("benign/ppa_gnutella.pcap", "peer-to-peer: fan-out with failures, low", {
    allowed: [{ kinds: ["fan_out"], severityMax: "low", sources: ["10.1.4.176"] }],
  }),
  raisesNothing("benign/week1_baseline.pcap", "a week of ordinary traffic: none"),
  raisesNothing(workstation("WORKSTATION5"), "one end of a pair: none"),
  raisesNothing(workstation("WORKSTATION6"), "the other end: none"),
  raisesNothing([workstation("WORKSTATION5"), workstation("WORKSTATION6")], "both ends together: none"),
  raisesNothing("both-ends/ssh.client-side-half-duplex.pcap", "client to server only: none"),
  raisesNothing("both-ends/ssh.server-side-half-duplex.pcap", "server to client only: none"),
  raisesNothing("both-ends/ssh.pcap", "both directions of 20 SSH connections: none"),
  raisesNothing(
    ["both-ends/ssh.client-side-half-duplex.pcap", "both-ends/ssh.server-side-half-duplex.pcap"],
    "both halves together, as two sensors: none",
  ),
  raises("flood/amp.UDP.snmp.src161.pcapng", "UDP amplification by 4,028 SNMP reflectors", {
    kinds: ["amplification"],
    targets: ["10.10.10.10"],
    ports: ["udp/161"],
    contactsMin: 4028,
  }),
  raises("flood/pkt.TCP.synflood.spoofed.pcap", "one SYN flood of 10.10.10.10:25565, no scan", {
    kinds: ["syn_flood"],
    targets: ["10.10.10.10"],
    ports: ["tcp/25565"],
  }),
  raises("mining/bitcoin-mining-in-progress.pcap", "mining by 10.0.2.15, seen mid-stream", {
    kinds: ["mining"],
    sources: ["10.0.2.15"],
  }),
  raises("mining/bitcoin-mining.pcap", "mining by 10.0.2.15", { kinds: ["mining"], sources: ["10.0.2.15"] }),
  raisesNothing("mining/ethereum.pcap", "a node, not a miner and not a scan: a note on its port at most", {
    allowed: [{ kinds: ["suspicious_port", "fan_out"], severityMax: "low" }],
  }),
  raises("scan/23-tcp-scan.pcap", "one horizontal scan of 12,007 hosts by 200.125.200.2", {
    ...scan("horizontal_scan", "200.125.200.2", "high"),
    ports: ["tcp/23"],
  }),
  raises("scan/445_scan.pcap", "slow horizontal scan of 9 hosts by 176.192.150.3", {
    ...scan("horizontal_scan", "176.192.150.3", "low"),
    ports: ["tcp/445"],
  }),
  raises(
    "scan/hs-tcp_synPingSweepRand.pcapng",
    "horizontal scan of 10.0.0.0/24 by 10.0.0.128",
    scan("horizontal_scan", "10.0.0.128", "high"),
  ),
  raises(
    "scan/masscan_tcp_0_1000.pcap",
    "vertical scan of 1,001 ports",
    scan("vertical_scan", "172.31.15.102", "high", "198.124.152.15"),
  ),
  raises("scan/nmap_FIN_SCAN.pcap", "vertical scan, stealth flags", nmapScan("tcp")),
  raises("scan/nmap_NULL_SCAN.pcap", "vertical scan, stealth flags", nmapScan("tcp")),
  raises("scan/nmap_TCP_CONNECT_SCAN.pcap", "vertical scan of 1,000 ports", nmapScan("tcp")),
  raises("scan/nmap_TCP_SYN_SCAN.pcap", "vertical scan of 1,000 ports", nmapScan("tcp")),
  raises("scan/nmap_UDP_SCAN.pcap", "vertical scan of 1,000 UDP ports", nmapScan("udp")),
  raises(
    "scan/port_scan.pcap",
    "vertical scan of 10 ports by 192.168.2.154",
    scan("vertical_scan", "192.168.2.154", "low", "192.168.2.22"),
  ),
  raisesNothing("scan/ppa_evilprogram.pcap", "Internet background: none above info", {
    allowed: [{ kinds: ["background_scanning"], severityMax: "info" }],
    innocent: ["24.6.125.19"],
  }),
  raises(
    "scan/ppa_portscan.pcap",
    "small vertical scan of 29 ports",
    scan("vertical_scan", "10.100.25.14", "medium", "10.100.18.12"),
  ),
  raises("scan/scan_with_zero_windows.pcap", "horizontal scan of 10 hosts by 10.0.0.1", {
    ...scan("horizontal_scan", "10.0.0.1", "low"),
    ports: ["tcp/23"],
  }),
  raises(
    "scan/synscan.pcapng",
    "vertical scan of 1,000 ports by 172.16.0.8, nothing else",
    scan("vertical_scan", "172.16.0.8", "high", "64.13.134.52"),
  ),
  raises(
    "scan/test-for-accurate-scan-summary.pcap",
    "one horizontal scan of 500 hosts; 89 background sources on tcp/23",
    { ...scan("horizontal_scan", "122.224.112.162", "high"), ports: ["tcp/1433"] },
    {
      allowed: [
        { kinds: ["background_scanning"] },
        { kinds: ["campaign", "distributed_scan"], ports: ["tcp/23"] },
      ],
    },
  ),
  raises("scan/test12-icmp-portscan.pcap", "small ICMP sweep of 18 hosts by 192.168.1.109", {
    kinds: ["host_sweep"],
    sources: ["192.168.1.109"],
  }),
  ...expectedFlowLogs,
];

/** One scan by one source, at least as severe as its contacts make it. */
function scan(kind: IncidentKind, source: string, severityMin: Severity, target?: string): IncidentPattern {
  return {
    kinds: [kind],
    sources: [source],
    severityMin,
    targets: target === undefined ? undefined : [target],
  };
}

function nmapScan(protocol: string): IncidentPattern {
  return {
    ...scan("vertical_scan", nmapSource, "high", nmapTarget),
    contactsMin: protocol === "udp" ? 991 : 995,
  };
}
