import { FlowHash } from "./flow-hash.js";
import { copyAddress, initiatorShift, stateAt } from "./flow-layout.js";
import { FingerprintMemory } from "./fingerprint-memory.js";
import type { HostView } from "./host-view.js";

const replySeen = 1;
const onlyInitiatorSeen = 2;

/**
 * Whether this observation point sees both directions of a host pair. It does
 * when a reply of the pair was ever seen, and toward addresses of its own host
 * (what reaches the interface is captured before any firewall drops it).
 */
export class ObservationView {
  private readonly pairs = new FingerprintMemory();
  private readonly connections = new FingerprintMemory();
  private readonly key = new Int32Array(9);
  private readonly hasher: FlowHash;

  constructor(
    seed: number,
    private readonly host: HostView,
  ) {
    this.hasher = new FlowHash(seed ^ 0x5bd1e995);
  }

  /** The responder of the flow at `at` was seen. */
  noteReply(words: Int32Array, at: number): void {
    this.pairs.add(this.fingerprint(words, at, replySeen));
  }

  /** The flow at `at` was judged by its initiator alone. */
  noteOneSided(words: Int32Array, at: number): void {
    this.pairs.add(this.fingerprint(words, at, onlyInitiatorSeen));
  }

  /** No packet from the responder to the initiator ever passed here, as far as is remembered. */
  mayBeOneSided(words: Int32Array, at: number): boolean {
    return !this.pairs.has(this.fingerprint(words, at, replySeen)) && !this.host.isOwn(this.key, 4);
  }

  /** The same, and traffic of the pair shows that the replies pass elsewhere. */
  isOneSided(words: Int32Array, at: number): boolean {
    return this.mayBeOneSided(words, at) && this.pairs.has(this.fingerprint(words, at, onlyInitiatorSeen));
  }

  /** The flow with this key hash was a connection when it left the table, and may go on. */
  noteConnection(hash: number): void {
    this.connections.add(hash);
  }

  wasConnection(hash: number): boolean {
    return this.connections.has(hash);
  }

  /** Also leaves the responder's address in words 4 to 7 of the key. */
  private fingerprint(words: Int32Array, at: number, kind: number): number {
    const { key } = this;
    const initiator = (words[at + stateAt] >>> initiatorShift) & 1;
    copyAddress(words, at, initiator, key, 0);
    copyAddress(words, at, 1 - initiator, key, 4);
    return this.hasher.hash(key, kind);
  }
}
