import { createServer, type AddressInfo } from "node:net";
import { platform } from "node:os";
import { HostDirection, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { ownAddressWords } from "../capture/live-own-addresses.js";
import { HostView } from "../metering/host-view.js";
import { HostWatch } from "./host-watch.js";

const own = Int32Array.from(ownAddressWords().subarray(0, 4));
const secondUs = 1_000_000;

describe.skipIf(platform() !== "linux" || own.length === 0)("the watch of this host", () => {
  it("tells a view its addresses and open ports", async () => {
    const server = createServer();
    const port = await listenBelowClients(server);
    const view = new HostView();
    const watch = new HostWatch(view, () => 0);
    watch.refreshIfDue(100 * secondUs);
    const isClosed = (): boolean => view.isClosedPort(own, 0, port, 6, Outcome.refused, 100 * secondUs);
    expect(isClosed()).toBe(false);
    expect(watch.counters).toMatchObject({ listening_known_live: 1 });
    expect(watch.counters["own_addresses_live"]).toBeGreaterThan(0);
    await new Promise<unknown>((resolve) => server.close(resolve));
    watch.refreshIfDue(150 * secondUs);
    expect(isClosed()).toBe(false);
    watch.refreshIfDue(161 * secondUs);
    expect(isClosed()).toBe(true);
    expect(view.direction(own, 0, 0)).toBe(HostDirection.internal);
  });

  it("looks again before its time when a contact waits for it", () => {
    let elapsedMs = 0;
    const view = new HostView();
    // Every reading of the clock takes 4 ms: a look every four seconds, or every second.
    const watch = new HostWatch(view, () => (elapsedMs += 4));
    const isClosed = (seconds: number): boolean =>
      view.isClosedPort(own, 0, 1, 6, Outcome.ignored, seconds * secondUs);
    watch.refreshIfDue(0);
    watch.refreshIfDue(2 * secondUs);
    expect(isClosed(1)).toBe(false);
    expect(view.isLookWanted).toBe(true);
    watch.refreshIfDue(2 * secondUs);
    expect(isClosed(1)).toBe(true);
  });
});

/** Ports given by the system are of clients: the first free one of others. */
async function listenBelowClients(server: ReturnType<typeof createServer>): Promise<number> {
  for (let port = 21_000; port < 21_200; port++) {
    const isTaken = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(true)).once("listening", () => resolve(false));
      server.listen(port, "0.0.0.0");
    });
    if (!isTaken) return (server.address() as AddressInfo).port;
  }
  throw new Error("no free port from 21000 to 21200");
}
