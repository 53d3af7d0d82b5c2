import { existsSync } from "node:fs";
import { join } from "node:path";
import { HomeNetworks } from "@picket/correlator/flows/home-networks.js";
import { Observer } from "@picket/correlator/flows/observer.js";
import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import { sensorHash } from "@picket/correlator/sensors/sensor-registry.js";
import { dayMs, newWindowCounters, type Contact } from "@picket/correlator/windows/window-store.js";
import { WindowView } from "@picket/correlator/windows/window-view.js";
import { meteringSettings } from "@picket/deploy/local/metering-settings.js";
import { openInputs } from "@picket/deploy/local/open-inputs.js";
import { type FlowColumns, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { capturesFolder } from "./captures-folder.js";

const folder = join(capturesFolder, "both-ends");
const sshPort = 22;
const workstation = (number: number): string =>
  `empire_wmi_dcerpc_wmi_IWbemServices_ExecMethod_WORKSTATION${number}_2020-09-21001437.cap`;

type SeenContact = Omit<Contact, "sensors"> & { readonly source: string; readonly sensors: number };

/** Captures as the windows hold them, each file of a sensor of its own. */
class SeenCaptures {
  /** Flows of each file, by their five-tuples. */
  readonly flows: Set<string>[] = [];
  private readonly view = new WindowView(newWindowCounters());
  private readonly sources = new Map<string, Set<number>>();
  /** Slices in which inside hosts begin flows. */
  private readonly outbound = new Map<string, Set<number>>();

  async add(file: string): Promise<void> {
    const observer = new Observer(new HomeNetworks([]));
    const flows = new Set<string>();
    await meterFile(file, (columns) => {
      observer.observe(columns, { sensor: sensorHash(file), contribution: file, clockCorrectionMs: 0 });
      for (let row = 0; row < columns.length; row++)
        if (isStart(columns, row)) flows.add(tupleOf(columns, row));
    });
    this.flows.push(flows);
    const observations = observer.take();
    for (const { source, timeMs } of [...observations.failed, ...observations.answered])
      addTo(this.sources, source, Math.floor(timeMs / dayMs));
    for (const { host, direction, slice } of observations.starts)
      if (direction === "outbound") addTo(this.outbound, host, slice);
    this.view.merge(observations);
  }

  /** Every contact of every source and day, with the number of its sensors. */
  contacts(): SeenContact[] {
    const contacts: SeenContact[] = [];
    for (const [source, days] of this.sources)
      for (const day of days) {
        const { failed, answered } = this.view.readSource(source, day, day);
        for (const contact of [...failed, ...answered])
          contacts.push({ ...contact, source, sensors: contact.sensors.length });
      }
    return contacts.sort((a, b) => a.firstMs - b.firstMs || a.port - b.port);
  }

  /** New flows that the counts of inside hosts add up to. */
  newFlowsFromInside(): number {
    let sum = 0;
    for (const [host, slices] of this.outbound)
      for (const slice of slices) sum += this.view.readStarts(host, "outbound", slice, slice)[0];
    return sum;
  }
}

async function seenIn(...files: string[]): Promise<SeenCaptures> {
  const seen = new SeenCaptures();
  for (const file of files) await seen.add(file);
  return seen;
}

async function meterFile(file: string, onBatch: (columns: FlowColumns) => void): Promise<void> {
  const files = [{ sensor: file, path: join(folder, file) }];
  const inputs = await openInputs(files, meteringSettings(defaultPolicy), (_, columns) => onBatch(columns));
  for (const input of inputs) while (await input.next());
  for (const input of inputs) await input.close();
}

function addTo(map: Map<string, Set<number>>, key: string, value: number): void {
  map.set(key, (map.get(key) ?? new Set<number>()).add(value));
}

function isStart({ recordKind }: FlowColumns, row: number): boolean {
  return recordKind[row] === RecordKind.first || recordKind[row] === RecordKind.only;
}

function tupleOf(columns: FlowColumns, row: number): string {
  const { addressWords, sourceIndex, destinationIndex, sourcePort, destinationPort, protocol } = columns;
  const [from, to] = [addressWords[sourceIndex[row] * 4 + 3], addressWords[destinationIndex[row] * 4 + 3]];
  return [from, to, sourcePort[row], destinationPort[row], protocol[row]].join();
}

describe.skipIf(!existsSync(folder))(`flows seen at both ends (skipped without ${folder})`, () => {
  it("are the same from two halves as from one view of both ways", async () => {
    const whole = await seenIn("ssh.pcap");
    const halves = await seenIn("ssh.client-side-half-duplex.pcap", "ssh.server-side-half-duplex.pcap");
    // The halves hold this port only.
    const ofPort = whole.contacts().filter(({ port }) => port === sshPort);
    expect(ofPort).toHaveLength(10);
    expect(halves.contacts()).toEqual(ofPort);
  });

  it("are counted once, in any order", async () => {
    const both = await seenIn(workstation(5), workstation(6));
    const [one, other] = both.flows;
    const shared = [...one].filter((flow) => other.has(flow)).length;
    expect(shared).toBeGreaterThan(0);
    expect(both.newFlowsFromInside()).toBe(one.size + other.size - shared);
    expect(both.contacts().filter(({ sensors }) => sensors === 2).length).toBeGreaterThan(0);
    expect((await seenIn(workstation(6), workstation(5))).contacts()).toEqual(both.contacts());
  });
});
