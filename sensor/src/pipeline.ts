import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { PacketBlock } from "./capture/packet-source.js";
import { decodeFrame } from "./decode/decode-frame.js";
import { DecodedPacket, DecodeResult, decodeResultNames } from "./decode/decoded-packet.js";
import { TunnelCounters } from "./decode/tunnel-counters.js";
import { FlowBatchSink } from "./metering/flow-batch-sink.js";
import { FlowMeter } from "./metering/flow-meter.js";
import { addCounters } from "./metering/counter-names.js";
import { ArpCounters } from "./metering/arp-counters.js";
import { ArpMeter } from "./metering/arp-meter.js";
import { FragmentWatch } from "./metering/fragment-watch.js";
import type { HostView } from "./metering/host-view.js";
import type { MeteringPolicy, MeteringSettings } from "./metering/metering-settings.js";
import { meteringSettings } from "./metering/metering-settings.js";

/** Settings of a pipeline; what is left out has its default. */
export interface SensorPipelineSettings extends Partial<MeteringSettings> {
  /** How long a failed contact waits for its batch. */
  readonly failedFlushUs?: number;
  /** How long any other record waits for its batch. */
  readonly flushUs?: number;
}

/**
 * From packets to flow batches: decode, count, meter, flush. A pure function of
 * the packets and the times it is given. `onBatch` receives columns without
 * epoch and sequence that are reused after the call.
 */
export class SensorPipeline {
  private readonly packet = new DecodedPacket();
  private readonly tunnels = new TunnelCounters();
  private readonly fragments: FragmentWatch;
  private readonly decodeCounts = new Float64Array(decodeResultNames.length);
  private readonly batch: FlowBatchSink;
  private readonly meter: FlowMeter;
  private readonly arpCounters = new ArpCounters();
  private readonly arpMeter: ArpMeter;
  private bytes = -0; // a double from the start, like those of MeteringCounters

  constructor(settings: SensorPipelineSettings, onBatch: (columns: FlowColumns) => void) {
    const metering = meteringSettings(settings);
    this.batch = new FlowBatchSink(
      onBatch,
      () => this.meter.nowUs,
      settings.failedFlushUs ?? 200_000,
      settings.flushUs ?? 2_000_000,
      metering.seed,
    );
    this.meter = new FlowMeter(metering, this.batch);
    this.fragments = new FragmentWatch(metering.seed);
    this.arpMeter = new ArpMeter(metering.arp, metering.seed, this.batch, this.arpCounters);
  }

  /** What the host knows of itself; may be told anew between blocks. */
  get host(): HostView {
    return this.meter.host;
  }

  /** The flow table is nearly full and not every new flow is let in. */
  get isEmergency(): boolean {
    return this.meter.isEmergency;
  }

  /** Other timeouts and host names from now on, without an end to any flow. */
  readonly follow = (policy: MeteringPolicy): void => this.meter.follow(policy);

  /** Runs a block of packets; their times drive every timer. */
  onBlock(block: PacketBlock): void {
    const { decodeCounts, meter, batch } = this;
    const { count, wireLength } = block;
    let wireBytes = 0;
    for (let i = 0; i < count; i++) wireBytes += wireLength[i];
    this.bytes += wireBytes;
    for (let i = 0; i < count; i++) {
      const next = meter.processPlain(block, i, batch.dueUs);
      decodeCounts[DecodeResult.flow] += next - i;
      i = next;
      if (i < count) this.onPacket(block, i);
    }
    this.arpMeter.advance(meter.nowUs);
  }

  /** A packet that only decode can tell. */
  private onPacket(block: PacketBlock, i: number): void {
    const { packet, meter, batch } = this;
    const { bytes, view, offset, capturedLength, linkType, timeUs } = block;
    const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
    this.decodeCounts[result]++;
    if (packet.tunnels !== 0) this.tunnels.count(packet);
    if (isFragment(result, packet)) this.fragments.note(packet, timeUs[i]);
    if (result === DecodeResult.flow) meter.process(packet, timeUs[i], bytes);
    else if (result === DecodeResult.arp) this.onArp(timeUs[i]);
    else return;
    if (meter.nowUs >= batch.dueUs || meter.nowUs < batch.openedUs) batch.flush();
  }

  /** Flows and ARP have one time. */
  private onArp(timeUs: number): void {
    const { packet } = this;
    this.meter.advance(timeUs);
    this.arpMeter.process(packet, packet.ethernetSourceHigh, packet.ethernetSourceLow, timeUs);
  }

  /** Moves time while no packets come (live capture only). */
  advance(nowUs: number): void {
    this.meter.advance(nowUs);
    this.arpMeter.advance(nowUs);
    if (nowUs >= this.batch.dueUs || nowUs < this.batch.openedUs) this.batch.flush();
  }

  /** Hands over the records at hand: what is still open began at most the hold time before the last packet. */
  flush(): void {
    this.batch.flush();
  }

  /**
   * Reports and flushes everything. A live capture passes the time it stopped;
   * at the end of a file contacts that still wait count as ignored.
   */
  finish(endUs?: number): void {
    this.arpMeter.finish(endUs);
    this.meter.finish(endUs);
    this.batch.flush();
  }

  /** Every counter by its name, as the sensor's status shows it. A snapshot. */
  get counters(): Record<string, number> {
    const counters: Record<string, number> = { packets_received: 0, bytes_received: this.bytes + 0 };
    for (const [result, name] of decodeResultNames.entries()) {
      counters.packets_received += this.decodeCounts[result];
      counters[`packets_${name}`] = this.decodeCounts[result];
    }
    const { meter } = this;
    addCounters(counters, "metering", meter.counters);
    addCounters(counters, "metering_emergency", meter.emergencyCounters);
    addCounters(counters, "notes", meter.notesCounters);
    addCounters(counters, "arp", this.arpCounters);
    addCounters(counters, "fragments", this.fragments.counters);
    this.tunnels.addTo(counters);
    counters.metering_flows_live = meter.flowsLive;
    counters.metering_emergency_live = meter.isEmergency ? 1 : 0;
    counters.arp_entries_live = this.arpMeter.entriesLive;
    counters.batches = this.batch.batches;
    return counters;
  }
}

function isFragment(result: DecodeResult, packet: DecodedPacket): boolean {
  return result === DecodeResult.laterFragment || (result === DecodeResult.flow && packet.isFirstFragment);
}
