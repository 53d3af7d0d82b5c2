import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { unanswered } from "./dark-run.js";
import { connection } from "./profile-run.js";

/** A host of the fleet that scans, and a source from outside. */
export const inside = "10.9.0.3";
export const outside = "203.0.113.66";

/** One free address after the other, every twelve minutes. */
export function freeAddresses(count: number): ScenarioFlow[] {
  return times(count, (k) => unanswered(600 + k * 12, inside, `10.9.0.${100 + k}`, 445));
}

/** The same, and the same number in the next /24 in between. */
export function freeAddressesAround(count: number): ScenarioFlow[] {
  const next = times(count, (k) => unanswered(606 + k * 12, inside, `10.9.1.${100 + k}`, 445));
  return freeAddresses(count).concat(next);
}

/** From outside, one port after the other that nobody serves, of a host of the fleet. */
export function darkPorts(count: number): ScenarioFlow[] {
  return times(count, (k) => unanswered(600 + k * 12, outside, "10.9.0.4", 5000 + k));
}

/** A free address every ten minutes, and each time a web site that was not visited before. */
export function hiddenScan(count: number): ScenarioFlow[] {
  return times(count, (k) => unanswered(605 + k * 10, inside, `10.9.0.${100 + k}`, 445)).concat(
    times(count, (k) => connection(1, 600 + k * 10, inside, `198.51.100.${k + 1}`, 443)),
  );
}

/** On the fourth day a server that copies what others have: of those with it 16 answer and 15 are switched off. */
export function backupOfDay4(lastOctet: number): ScenarioFlow[] {
  const minute = 2 * 1440 + 600;
  return times(15, (k) => unanswered(minute, "10.9.0.1", `10.9.0.${lastOctet + k}`, 10_000)).concat(
    times(16, (k) => connection(3, 600, "10.9.0.1", `10.9.0.${k + 4}`, 10_000)),
  );
}

/** Fifteen machines that are used on the first day only. */
export function usedOnDay1(lastOctet: number): ScenarioFlow[] {
  return times(15, (k) => connection(0, 500, `10.9.0.${lastOctet + k}`, "10.9.0.2", 443));
}

/** What only looks like a search for hosts. */
export function darkLookAlikes(): ScenarioFlow[] {
  return [
    // A client of four printers that were taken away, and of one server, at six ports of it.
    ...times(4, (k) => unanswered(600 + k, "10.9.0.5", `10.9.0.${100 + k}`, 9100)),
    ...times(6, (k) => unanswered(600 + k, "10.9.0.6", "10.9.0.120", [445, 139, 80, 443, 5985, 22][k])),
    ...times(200, (k) => unanswered(600 + k, "10.9.0.7", "10.9.0.121", 389)),
    // A server that asks, before it gives an address away, whether somebody has it.
    ...times(6, (k) => ({
      ...unanswered(600 + k * 9, "10.9.0.8", `10.9.0.${130 + k}`, 8 << 8),
      protocol: 1,
    })),
    // Phones that look for each other.
    ...times(20, (k) => ({
      ...unanswered(600 + k * 9, "10.9.0.9", `10.9.0.${150 + k}`, 5060),
      protocol: 17,
    })),
    // A balancer that checks machines that are still asleep, and start something later.
    ...times(6, (k) => unanswered(600, "10.9.0.10", `10.9.0.${180 + k}`, 8080)),
    ...times(6, (k) => connection(1, 605, `10.9.0.${180 + k}`, "10.9.0.1", 443)),
    // A mail program outside whose server here is filtered.
    ...times(4, (k) => unanswered(600, outside, "10.9.0.11", [143, 465, 587, 993][k])),
  ];
}

function times(count: number, flow: (index: number) => ScenarioFlow): ScenarioFlow[] {
  return Array.from({ length: count }, (_, index) => flow(index));
}
