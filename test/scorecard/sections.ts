import type { CheckSection } from "./check.js";
import { clockChecks } from "./clock-checks.js";
import { darkChecks } from "./dark-checks.js";
import { fleetChecks } from "./fleet-checks.js";
import { loginChecks } from "./login-checks.js";
import { massChecks } from "./mass-checks.js";
import { splitChecks } from "./split-checks.js";

/** Everything that the scorecard measures besides the captures themselves. */
export const sections: readonly CheckSection[] = [
  {
    title: "Simulated fleets",
    text: `The traffic of \`npm run fleet\` through one correlator in memory, in event time: ordinary hosts with attacks at
known places. Delays are from the packet or expiry with which an attack must be known to the first event about it, by
the clock of the traffic: what sensors and correlator wait for, without network and computing.`,
    checks: fleetChecks,
  },
  {
    title: "One scan over eight sensors",
    text: `The scans of the captures, split over eight virtual sensors: sweeps by the host that is touched, scans of one host by
what is touched there. Probes are first contacts, one for each target, protocol and port, in the order of the capture; the
figure is the fewest of them with which \`picket analyze\` names the scanner.`,
    checks: splitChecks,
  },
  {
    title: "Dark addresses and ports",
    text: `A fleet of twenty sensors in one /24, whose hosts talked to each other for a day, and one who tries what gave no
sign of life in it. The figure is the fewest contacts with which it is named, with and without the sensors' addresses.`,
    checks: darkChecks,
  },
  {
    title: "Slow logins",
    text: "Passwords that are guessed over a day, and what logs in all day for other reasons.",
    checks: loginChecks,
  },
  {
    title: "Two sensors, clocks five minutes apart",
    text: `Each attack of the captures, given to two sensors of which one is five minutes ahead. First with the time of sending,
as sensors send it: nothing may differ. Then without, as in \`picket analyze\` of files: kinds, parties and ports may not differ; what
seems to go on five minutes longer may be more severe.`,
    checks: clockChecks,
  },
  {
    title: "Masses and look-alikes",
    text: "What must be one incident however many addresses take part, and what must be none.",
    checks: massChecks,
  },
];
