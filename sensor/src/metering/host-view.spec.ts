import { HostDirection, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { HostView } from "./host-view.js";
import { ListeningPorts } from "./listening-ports.js";

const secondUs = 1_000_000;
const [tcp, udp] = [6, 17];
const own4 = [0, 0, 0xffff, 0xc0a8_0001];
const second4 = [0, 0, 0xffff, 0xc0a8_0002];
const own6 = [0xfd00_0000, 0, 0, 1];
const other4 = [0, 0, 0xffff, 0x0808_0808];
const other6 = [0xfd00_0000, 0, 0, 2];
const loopback4 = [0, 0, 0xffff, 0x7f00_0001];
const anyAddress = [0, 0, 0, 0];
const any4 = [0, 0, 0xffff, 0];

function wordsOf(...addresses: number[][]): Int32Array {
  return Int32Array.from(addresses.flat());
}

/** A host with two IPv4 addresses and an IPv6 one, looked at in second 100. */
class Host {
  readonly view = new HostView();
  readonly ports = new ListeningPorts();

  constructor(readonly lookedUs = 100 * secondUs) {
    this.view.setAddresses(Uint32Array.from([own4, second4, own6].flat()));
    this.ports.observedUs = lookedUs;
    this.view.setListening(this.ports);
  }

  listen(protocol: number, port: number, [word0, word1, word2, word3]: readonly number[]): this {
    this.ports.add(protocol, port, word0, word1, word2, word3);
    return this;
  }

  isClosed(
    address: number[],
    port: number,
    outcome: number = Outcome.refused,
    seconds = 101,
    protocol = tcp,
  ): boolean {
    return this.view.isClosedPort(wordsOf(address), 0, port, protocol, outcome, seconds * secondUs);
  }
}

describe("direction", () => {
  it.each([
    [other4, own4, HostDirection.inbound],
    [own6, other6, HostDirection.outbound],
    [own4, own6, HostDirection.internal],
    [loopback4, own4, HostDirection.internal],
    [other4, [0, 0, 0xffff, 0xc0a8_00ff], HostDirection.transit],
    [other6, [0xff02_0000, 0, 0, 1], HostDirection.transit],
  ])("from %s to %s is %s", (source, destination, direction) => {
    expect(new Host().view.direction(wordsOf(source, destination), 0, 4)).toBe(direction);
  });

  it("is transit while no address is known", () => {
    expect(new HostView().direction(wordsOf(loopback4, own4), 0, 4)).toBe(HostDirection.transit);
  });

  it("follows addresses that come and go", () => {
    const { view } = new Host();
    view.setAddresses(Uint32Array.from(other4));
    expect(view.direction(wordsOf(own4, other4), 0, 4)).toBe(HostDirection.inbound);
    view.setAddresses(new Uint32Array(0));
    expect(view.isOwn(wordsOf(other4), 0)).toBe(false);
  });

  it("knows each of thousands of addresses, and none beside them", () => {
    const view = new HostView();
    const addresses = Array.from({ length: 5000 }, (_, i) => [0, 0, 0xffff, 0x0a00_0000 + 2 * i]);
    view.setAddresses(Uint32Array.from([...addresses, ...addresses].flat()));
    for (const address of addresses) {
      expect(view.isOwn(wordsOf(address), 0)).toBe(true);
      expect(view.isOwn(wordsOf([0, 0, 0xffff, address[3] + 1]), 0)).toBe(false);
    }
  });
});

describe("a closed port", () => {
  it("is one that refused or ignored a contact and nothing listens on", () => {
    const host = new Host().listen(tcp, 22, any4).listen(tcp, 443, anyAddress);
    expect(host.isClosed(own4, 23)).toBe(true);
    expect(host.isClosed(own4, 23, Outcome.ignored, 99)).toBe(true);
    expect(host.isClosed(own4, 53, Outcome.unreachable, 101, udp)).toBe(true);
    expect(host.isClosed(own4, 22)).toBe(false);
    expect(host.isClosed(own6, 22)).toBe(true);
    expect(host.isClosed(own4, 443)).toBe(false);
    expect(host.isClosed(own6, 443)).toBe(false);
    expect(host.isClosed(own4, 443, Outcome.refused, 101, udp)).toBe(true);
  });

  it("is told apart by the address that is listened on", () => {
    const host = new Host().listen(tcp, 5432, second4).listen(tcp, 5433, loopback4).listen(udp, 53, own6);
    expect(host.isClosed(second4, 5432)).toBe(false);
    expect(host.isClosed(own4, 5432)).toBe(true);
    expect(host.isClosed(own4, 5433)).toBe(true);
    expect(host.isClosed(loopback4, 5433)).toBe(false);
    expect(host.isClosed(own6, 53, Outcome.ignored, 99, udp)).toBe(false);
    expect(host.isClosed(own4, 53, Outcome.ignored, 99, udp)).toBe(true);
  });

  it("is only of this host, TCP or UDP", () => {
    const host = new Host();
    expect(host.isClosed(other4, 23)).toBe(false);
    expect(host.isClosed(own4, 23, Outcome.refused, 101, 132)).toBe(false);
    host.view.setAddresses(new Uint32Array(0));
    expect(host.isClosed(own4, 23)).toBe(false);
  });

  it("is not known from before the contact when that was ignored, and a look is asked for", () => {
    const host = new Host();
    expect(host.isClosed(own4, 23)).toBe(true);
    expect(host.view.isLookWanted).toBe(false);
    expect(host.isClosed(own4, 23, Outcome.ignored, 100.001)).toBe(false);
    expect(host.view.isLookWanted).toBe(true);
  });

  it("is not known without a recent look", () => {
    const host = new Host();
    expect(host.isClosed(own4, 23, Outcome.refused, 131)).toBe(false);
    host.view.setListening(undefined);
    expect(host.isClosed(own4, 23)).toBe(false);
    expect(new HostView().isClosedPort(wordsOf(own4), 0, 23, tcp, Outcome.refused, 0)).toBe(false);
  });

  it("is none that clients are given", () => {
    const host = new Host();
    expect(host.isClosed(own4, 32_767)).toBe(true);
    expect(host.isClosed(own4, 32_768, Outcome.unreachable, 101, udp)).toBe(false);
    host.ports.ephemeralLast = 60_999;
    expect(host.isClosed(own4, 61_000)).toBe(true);
  });

  it("is none that answered in the last hour: it may be forwarded", () => {
    const host = new Host();
    expect(host.isClosed(own4, 8080, Outcome.answered)).toBe(false);
    expect(host.isClosed(own4, 8080)).toBe(false);
    expect(host.isClosed(own4, 8080, Outcome.refused, 101, udp)).toBe(true);
    expect(host.isClosed(own4, 8081, Outcome.halfOpen)).toBe(false);
    expect(host.isClosed(own4, 8081)).toBe(false);
    for (const hours of [1, 2, 3]) {
      host.ports.observedUs = (100 + hours * 3601) * secondUs;
      host.view.setListening(host.ports);
      expect(host.isClosed(own4, 8080, Outcome.refused, 100 + hours * 3601)).toBe(hours >= 2);
    }
  });

  it("says nothing about a flow without an outcome", () => {
    expect(new Host().isClosed(own4, 23, Outcome.unknown)).toBe(false);
  });

  it("is not called so when more sockets are bound than can be told apart", () => {
    const host = new Host();
    for (let i = 0; i < 4097; i++) host.listen(tcp, 1 + i, second4);
    expect(host.isClosed(own4, 1)).toBe(true);
    expect(host.isClosed(own4, 4097)).toBe(false);
    host.ports.clear();
    expect(host.ports.has(tcp, 4097, wordsOf(own4), 0)).toBe(false);
  });
});
