import { status } from "@grpc/grpc-js";
import type { HostProfile as Profile } from "@picket/correlator/profiles/host-profile.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import { portKey } from "@picket/correlator/windows/contact-key.js";
import type { HostProfile } from "@picket/proto/generated/picket/v1/host.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiFixture, result } from "./api-fixture.js";
import { ClientRun, picket } from "./client-run.js";

const dayOfTest = 20_370; // 2025-10-09

function profile(): Profile {
  return {
    firstDay: dayOfTest - 9,
    lastDay: dayOfTest,
    days: 8,
    weight: 5.6,
    peersPerDay: 2.5,
    sentBytesPerDay: 3 * 2 ** 30,
    receivedBytesPerDay: 2 ** 28,
    hours: Array.from({ length: 24 }, (_, hour) => (hour >= 8 && hour < 18 ? 0.9 : 0.1)),
    services: [{ service: portKey(443, 6), share: 0.85, lastDay: dayOfTest, clients: 16 }],
    uses: [{ service: portKey(53, 17), share: 1, lastDay: dayOfTest - 1, clients: 0 }],
    peers: [{ address: addressKeyOfText("2001:db8::1") ?? "", share: 0.5, lastDay: dayOfTest }],
  };
}

describe("the profile of a host", () => {
  let fixture: ApiFixture;
  let server: string[];
  beforeAll(async () => {
    fixture = await ApiFixture.start();
    server = ["--server", fixture.api.address];
    await fixture.profiles.write(
      new Map([
        [addressKeyOfText("10.0.0.7") ?? "", { current: profile() }],
        [addressKeyOfText("2001:db8::7") ?? "", { current: { ...profile(), hours: [], peers: [] } }],
      ]),
    );
  });
  afterAll(() => fixture.stop());

  const get = (address: string): Promise<HostProfile> =>
    result((done) => fixture.hostClient.getHostProfile({ address }, done));

  it("is served", async () => {
    expect(await get("10.0.0.7")).toMatchObject({
      address: "10.0.0.7",
      days: 8,
      peersPerDay: 2.5,
      sentBytesPerDay: 3n * 2n ** 30n,
      lastTime: { seconds: BigInt((dayOfTest + 1) * 86_400) },
      services: [{ port: "tcp/443", dayShare: 0.85, clientsMin: 16 }],
      usedServices: [{ port: "udp/53", clientsMin: 0 }],
      peers: [{ address: "2001:db8::1", dayShare: 0.5 }],
    });
    expect(await get("2001:DB8:0::7")).toMatchObject({ address: "2001:db8::7" });
  });

  it.each([
    ["", status.INVALID_ARGUMENT, "address: must be an address, for example 10.0.0.7"],
    ["10.0.0.0/8", status.INVALID_ARGUMENT, "address: must be an address, for example 10.0.0.7"],
    ["10.0.0.9", status.NOT_FOUND, "address: nothing is known of 10.0.0.9"],
  ])("of %j is refused", async (address, code, details) => {
    await expect(get(address)).rejects.toMatchObject({ code, details });
  });

  it("is shown as a page", async () => {
    expect(await picket("hosts", "show", "10.0.0.7", ...server)).toBe(
      [
        "10.0.0.7, known for 8 days from 2025-09-30 to 2025-10-09",
        "sends 3.00 GiB a day, receives 0.25 GiB",
        "2.5 inside peers a day",
        "active 8 to 18 h UTC",
        "",
        "Serves",
        "PORT     DAYS  LAST        CLIENTS",
        "tcp/443  85 %  2025-10-09  16 or more",
        "",
        "Uses",
        "PORT    DAYS   LAST",
        "udp/53  100 %  2025-10-08",
        "",
        "Inside peers",
        "ADDRESS      DAYS  LAST",
        "2001:db8::1  50 %  2025-10-09",
        "",
      ].join("\n"),
    );
    expect(await picket("hosts", "show", "2001:db8::7", ...server)).toMatch(/active at no hour/);
  });

  it("is shown as JSON", async () => {
    const lines = (await picket("hosts", "show", "10.0.0.7", "--json", ...server)).trimEnd().split("\n");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0])).toMatchObject({ address: "10.0.0.7", receivedBytesPerDay: "268435456" });
  });

  it("of a stranger is one line that says so", async () => {
    await expect(new ClientRun(["hosts", "show", "10.0.0.9", ...server]).end).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });
});
