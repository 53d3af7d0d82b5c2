import type { FactObserver } from "../flows/flow-row.js";
import { activityObserver, hostActivity } from "../profiles/host-facts.js";
import type { FactKind } from "../windows/fact-window.js";
import { arpImpersonation } from "./arp-impersonation.js";
import { arpScan } from "./arp-scan.js";
import { arpSpoof } from "./arp-spoof.js";
import { hostSweep } from "./host-sweep.js";
import { amplification } from "./amplification.js";
import { bruteForce } from "./brute-force.js";
import { beacon } from "./beacon.js";
import type { FactDetector } from "./fact-detector.js";
import { mining } from "./mining.js";
import { newPeers } from "./new-peers.js";
import { newService } from "./new-service.js";
import { slowBeacon } from "./slow-beacon.js";
import { slowBruteForce } from "./slow-brute-force.js";
import { suspiciousPort } from "./suspicious-port.js";
import { protocolScan } from "./protocol-scan.js";
import { reflectorAbuse } from "./reflector-abuse.js";
import { synFloodRate } from "./syn-flood-rate.js";
import { udpFlood } from "./udp-flood.js";
import { udpStreamFlood } from "./udp-stream-flood.js";
import { volumeBurst } from "./volume-burst.js";

/** Every detector that works on facts of its own. */
export const factDetectors: readonly FactDetector[] = [
  mining,
  beacon,
  slowBeacon,
  suspiciousPort,
  synFloodRate,
  udpFlood,
  udpStreamFlood,
  amplification,
  reflectorAbuse,
  bruteForce,
  slowBruteForce,
  arpImpersonation,
  arpScan,
  arpSpoof,
  hostSweep,
  newPeers,
  newService,
  protocolScan,
  volumeBurst,
];

/** Everything that collects facts: the detectors, and the profiles of hosts. */
export const factObservers: readonly FactObserver[] = [...factDetectors, activityObserver];

const byKind = new Map(factDetectors.map((detector) => [detector.facts.id, detector]));

/** The detector of a kind of fact; undefined for one that this version does not know. */
export function factDetector(kindId: number): FactDetector | undefined {
  return byKind.get(kindId);
}

/** A kind of fact by its number; undefined for one that this version does not know. */
export function factKind(kindId: number): FactKind | undefined {
  return kindId === hostActivity.id ? hostActivity : factDetector(kindId)?.facts;
}
