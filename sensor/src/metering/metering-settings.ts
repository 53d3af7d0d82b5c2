import { type ArpSettings, arpDefaults } from "./arp-settings.js";
import { emergencyDefaults, type EmergencySettings } from "./emergency-settings.js";
import { HostView } from "./host-view.js";
import { type NotesSettings, notesDefaults } from "../notes/notes-settings.js";

/** Settings of metering. All times in microseconds. */
export interface MeteringSettings {
  /** Flows that are live at once; when there are more, the least useful one is evicted. */
  readonly tableFlowsMax: number;
  /** A flow without packets for this long ends. */
  readonly idleTimeoutUs: number;
  /** A flow that goes on is reported at least this often. */
  readonly activeTimeoutUs: number;
  /** A first contact (TCP, ICMP echo) without an answer for this long is ignored. */
  readonly holdTimeoutUs: number;
  /** The same for UDP, SCTP and bare ACKs, where silence says less. */
  readonly udpHoldTimeoutUs: number;
  /** An answered flow that ends within this time costs one record. */
  readonly shortFlowUs: number;
  /** An ended flow keeps its place this long, so that its last stray packets open no new flow. */
  readonly lingerUs: number;
  /** Secret of the hash, a whole number below 2^32; random where strangers choose addresses. */
  readonly seed: number;
  /** What the host of the sensor knows; may be told anew at any time. */
  readonly host: HostView;
  /** While the table is nearly full. */
  readonly emergency: EmergencySettings;
  /** What is read from the bytes of flows. */
  readonly notes: NotesSettings;
  readonly arp: ArpSettings;
}

/** Settings that may change while flows are live. */
export type MeteringPolicy = Pick<
  MeteringSettings,
  "idleTimeoutUs" | "activeTimeoutUs" | "holdTimeoutUs" | "notes"
>;

/** Defaults of the settings that stand by themselves; the seed must be replaced by a random one in live capture. */
export const meteringDefaults: Omit<MeteringSettings, "host" | "emergency"> = {
  tableFlowsMax: 65_536,
  idleTimeoutUs: 30_000_000,
  activeTimeoutUs: 60_000_000,
  holdTimeoutUs: 1_500_000,
  udpHoldTimeoutUs: 5_000_000,
  shortFlowUs: 2_000_000,
  lingerUs: 1_000_000,
  seed: 1,
  notes: notesDefaults,
  arp: arpDefaults,
};

/** What is left out has its default: an emergency that suits the table, a host that knows nothing. */
export function meteringSettings(settings: Partial<MeteringSettings>): MeteringSettings {
  const { tableFlowsMax = meteringDefaults.tableFlowsMax } = settings;
  const emergency = emergencyDefaults(tableFlowsMax);
  return { ...meteringDefaults, emergency, host: settings.host ?? new HostView(), ...settings };
}
