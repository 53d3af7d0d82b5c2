import type { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { FlowHash } from "./flow-hash.js";
import { TcpFlag } from "./tcp-contact.js";

const { syn, rst, ack } = TcpFlag;
const clientKind = 1;
const serviceKind = 2;
const hostKind = 3;
const mappedPrefix = 0xffff;

/** Where the client's and the service's address begin in the words of a contact. */
export const clientAt = 0;
export const serviceAt = 4;

/**
 * A packet that belongs to no flow, as the contact it seems to be: a client
 * asks a service. One object, reused for every packet.
 */
export class NewContact {
  /** Client's and service's address, four words each. */
  readonly words = new Int32Array(8);
  clientPort = 0;
  /** ICMP: type * 256 + code. */
  servicePort = 0;
  protocol = 0;
  /** The packet goes from the service to the client. */
  isReverse = false;
  private readonly key = new Int32Array(9);
  private readonly hasher: FlowHash;

  constructor(seed: number) {
    this.hasher = new FlowHash(seed ^ 0x2c1b3c6d);
  }

  /** A SYN-ACK and a RST come from the service; of other packets the source asks. */
  load(packet: DecodedPacket): void {
    const { words } = this;
    const { protocol, tcpFlags } = packet;
    const isAnswer =
      protocol === IpProtocol.tcp && ((tcpFlags & (syn | ack)) === (syn | ack) || (tcpFlags & rst) !== 0);
    const source = isAnswer ? serviceAt : clientAt;
    const destination = serviceAt - source;
    words[source] = packet.source0;
    words[source + 1] = packet.source1;
    words[source + 2] = packet.source2;
    words[source + 3] = packet.source3;
    words[destination] = packet.destination0;
    words[destination + 1] = packet.destination1;
    words[destination + 2] = packet.destination2;
    words[destination + 3] = packet.destination3;
    this.isReverse = isAnswer;
    this.clientPort = isAnswer ? packet.destinationPort : packet.sourcePort;
    this.servicePort = isAnswer ? packet.sourcePort : packet.destinationPort;
    this.protocol = protocol;
  }

  /** The same packet seen from the other side: its source answers. */
  reverse(): void {
    const { words, clientPort } = this;
    for (let i = 0; i < 4; i++) {
      const word = words[clientAt + i];
      words[clientAt + i] = words[serviceAt + i];
      words[serviceAt + i] = word;
    }
    this.clientPort = this.servicePort;
    this.servicePort = clientPort;
    this.isReverse = !this.isReverse;
  }

  /** Secret hash of the client's address. */
  get clientHash(): number {
    return this.hash(clientAt, 0, clientKind);
  }

  /** Secret hash of the port that is asked for, with its host. */
  get serviceHash(): number {
    return this.hash(serviceAt, (this.servicePort << 8) | this.protocol, serviceKind);
  }

  /** Secret hash of the host that is asked. */
  get hostHash(): number {
    return this.hash(serviceAt, 0, hostKind);
  }

  private hash(at: number, ports: number, kind: number): number {
    const { key, words, hasher } = this;
    if (words[at + 2] === mappedPrefix && (words[at] | words[at + 1]) === 0)
      return hasher.hashIpv4(words[at + 3], 0, ports, kind);
    key[0] = words[at];
    key[1] = words[at + 1];
    key[2] = words[at + 2];
    key[3] = words[at + 3];
    key[8] = ports;
    return hasher.hash(key, kind);
  }
}
