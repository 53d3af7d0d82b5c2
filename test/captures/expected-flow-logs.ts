import type { ExpectedRun } from "./expected-run.js";
import { notFound, raises, raisesNothing } from "./expected-run.js";
import type { IncidentPattern } from "./verdict.js";

/** Whatever the Internet sends to a public address. */
const outsideScans: readonly IncidentPattern[] = [
  {
    kinds: [
      "vertical_scan",
      "horizontal_scan",
      "block_scan",
      "distributed_scan",
      "campaign",
      "background_scanning",
    ],
  },
];

/** What the index of the flow logs says, a few more words where it names several files. */
export const expectedFlowLogs: readonly ExpectedRun[] = [
  raises(
    "zeek-logs/ctu_single/010-zeek-mixed__data__conn.log.labeled",
    "scanners from outside, never the local host",
    outsideScans,
    { allowed: outsideScans, innocent: ["147.32.83.234"] },
  ),
  raises(
    "zeek-logs/ctu_single/012-zeek-mixed__data__conn.log.labeled",
    "scanners from outside, never the local host",
    outsideScans,
    { allowed: outsideScans, innocent: ["147.32.83.161"] },
  ),
  raisesNothing(
    "zeek-logs/rita_internet_server/*",
    "a day of a public server: background, a baseline to learn from",
    {
      allowed: [
        { kinds: ["background_scanning"], severityMax: "info" },
        { kinds: ["vertical_scan", "campaign", "brute_force"], contactsMin: 25 },
        { kinds: ["brute_force"], ports: ["tcp/22"], contactsMin: 30 },
      ],
      innocent: ["64.225.56.201"],
    },
  ),
  raisesNothing("zeek-logs/proxy_rolling__*", "a home network, 99 % of first contacts succeed: none"),
  raises("zeek-logs/proxy__conn.log", "a beacon, one connection each 248 s", {
    kinds: ["beacon"],
    sources: ["10.136.0.18"],
    ports: ["tcp/3128"],
  }),
  raisesNothing("zeek-logs/4SICS_151020_conn.log", "industrial polling: none"),
  raisesNothing("zeek-logs/tridium_jace2_conn.log", "building automation broadcasts: none"),
  raises(
    "zeek-logs/001-zeek-scenario-malicious__labeled-conn.log",
    "237 unanswered connects to one port, each 11.5 s: like a beacon",
    { kinds: ["beacon"], sources: ["192.168.1.115"], ports: ["tcp/1177"] },
  ),
  raises(
    "zeek-logs/port-scans_horizontal_conn.log",
    "a small horizontal scan",
    { kinds: ["horizontal_scan"], sources: ["10.0.2.112"] },
    {
      miss: notFound(
        "Of 25 web servers that it asks for the first time within half a minute, 10 stay silent and 15 answer. Where one first contact in five fails, which the policy takes for usual, that is chance one time in sixty; a false alarm may be one in ten thousand. The file holds no past to compare it with. `scan.hostsPerPort` 10 (default 25) names it.",
      ),
    },
  ),
  raises("zeek-logs/port-scans_vertical_conn.log", "a small vertical scan", {
    kinds: ["vertical_scan"],
    sources: ["192.168.1.9"],
    targets: ["45.33.32.156"],
  }),
  raises("zeek-logs/test11-portscan.binetflow", "a small scan", {
    kinds: ["vertical_scan", "horizontal_scan", "block_scan"],
    sources: ["10.8.0.69"],
  }),
];
