/** Sockets bound to one address that are told apart; a port with more counts as open on all addresses. */
const boundMax = 4096;
const boundWords = 5;

const anyIpv4Bit = 1;
const anyIpv6Bit = 2;
const boundBit = 4;
/** The bits of UDP are behind those of TCP. */
const udpShift = 4;
const protocolUdp = 17;

/**
 * The ports that are open on this host, by protocol (6 or 17) and address. An
 * IPv6 socket bound to no address also stands for IPv4: whether it takes that
 * too is not told by every system.
 */
export class ListeningPorts {
  /** When these were read, microseconds since the Unix epoch: what was open then is in here. */
  observedUs = Number.NEGATIVE_INFINITY;
  /** Ports that the system gives to clients by itself, both ends included. */
  ephemeralFirst = 32_768;
  ephemeralLast = 65_535;
  private readonly bits = new Uint8Array(65_536);
  private readonly bound = new Int32Array(boundMax * boundWords);
  private boundLength = 0;

  clear(): void {
    this.bits.fill(0);
    this.boundLength = 0;
    this.observedUs = Number.NEGATIVE_INFINITY;
  }

  /** `word0` to `word3` as everywhere: IPv4 mapped, all zeros (of IPv4: its last word) for every address. */
  add(protocol: number, port: number, word0: number, word1: number, word2: number, word3: number): void {
    const isIpv4 = word0 === 0 && word1 === 0 && word2 === 0xffff;
    if (word3 === 0 && isIpv4) this.mark(protocol, port, anyIpv4Bit);
    else if ((word0 | word1 | word2 | word3) === 0) this.mark(protocol, port, anyIpv4Bit | anyIpv6Bit);
    else if (this.boundLength === boundMax) this.mark(protocol, port, anyIpv4Bit | anyIpv6Bit);
    else {
      this.mark(protocol, port, boundBit);
      this.bound.set([word0, word1, word2, word3, (protocol << 16) | port], boundWords * this.boundLength++);
    }
  }

  /** Whether the port of the address at `at` is open. */
  has(protocol: number, port: number, words: Int32Array, at: number): boolean {
    const bits = protocol === protocolUdp ? this.bits[port] >>> udpShift : this.bits[port];
    const isIpv4 = words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff;
    if ((bits & (isIpv4 ? anyIpv4Bit : anyIpv6Bit)) !== 0) return true;
    return (bits & boundBit) !== 0 && this.isBound((protocol << 16) | port, words, at);
  }

  private mark(protocol: number, port: number, bits: number): void {
    this.bits[port] |= protocol === protocolUdp ? bits << udpShift : bits;
  }

  private isBound(protocolAndPort: number, words: Int32Array, at: number): boolean {
    const { bound } = this;
    for (let i = 0; i < this.boundLength * boundWords; i += boundWords) {
      if (
        bound[i + 4] === protocolAndPort &&
        bound[i + 3] === words[at + 3] &&
        bound[i + 2] === words[at + 2] &&
        bound[i + 1] === words[at + 1] &&
        bound[i] === words[at]
      )
        return true;
    }
    return false;
  }
}
