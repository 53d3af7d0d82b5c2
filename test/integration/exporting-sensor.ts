import { randomBytes } from "node:crypto";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import type { PicketError } from "@picket/proto/picket-error.js";
import { totalsOf } from "@picket/sensor/capture/live-batch.js";
import type { SensorConfig } from "@picket/sensor/config.js";
import { DiskSpool } from "@picket/sensor/export/disk-spool.js";
import { NatsExporter } from "@picket/sensor/export/nats-exporter.js";
import { NatsLink } from "@picket/sensor/export/nats-link.js";
import { createLog, RateLimitedLog } from "@picket/sensor/log.js";

const scratch = new Uint8Array(batchBytesMax);

/** A batch of `records` flows of one packet each, as the meter hands it over. */
function meteredBatch(records: number): { bytes: Uint8Array; totals: ReturnType<typeof totalsOf> } {
  const builder = new FlowBatchBuilder();
  for (let i = 0; i < records; i++) {
    const row = builder.append(0, 0, 0xffff, 0x0a000001 + i, 0, 0, 0xffff, 0x0a010001);
    builder.columns.startUs[row] = builder.columns.endUs[row] = 1_700_000_000_000_000 + i;
    builder.columns.forwardPackets[row] = 1;
    builder.columns.forwardBytes[row] = 60;
  }
  return { bytes: encodeFlowBatch(builder.columns, scratch), totals: totalsOf(builder.columns) };
}

/** The exporting half of a sensor: spool, link, exporter. */
export class ExportingSensor {
  readonly exporter: NatsExporter;
  readonly spool: DiskSpool;
  readonly link: NatsLink;
  readonly faults: PicketError[] = [];
  readonly denials: string[] = [];
  downs = 0;

  constructor(readonly config: SensorConfig) {
    const epoch = randomBytes(16);
    const nowUs = () => Date.now() * 1000;
    this.spool = DiskSpool.open({
      folder: config.spoolFolder,
      bytesMax: config.spoolBytesMax,
      memoryBytesMax: config.spoolMemoryBytesMax,
      epoch,
      nowUs,
    });
    this.exporter = new NatsExporter({
      sensor: config.name,
      epoch,
      spool: this.spool,
      inboxPrefix: `_INBOX_${config.name}`,
      inFlightMax: config.publishInFlightMax,
      inFlightBytesMax: config.publishInFlightBytesMax,
      timeoutMs: config.publishTimeoutMs,
      retainMs: config.spoolRetainMs,
      log: new RateLimitedLog(createLog("error")),
      nowUs,
    });
    this.link = new NatsLink(config, {
      onUp: (connection) => this.exporter.onUp(connection),
      onDown: (reason) => {
        this.downs++;
        this.exporter.onDown(reason);
      },
      onDenied: (reason) => this.denials.push(reason),
      onFatal: (error) => this.faults.push(error),
    });
    this.exporter.start();
    this.link.start();
  }

  /** Exports so many batches of so many records. */
  export(batches: number, records = 5): void {
    for (let i = 0; i < batches; i++) {
      const { bytes, totals } = meteredBatch(records);
      this.exporter.exportBatch(bytes, totals);
    }
  }

  /** Delivers what it can and ends. */
  async stop(deadlineMs = 5000): Promise<void> {
    await this.exporter.stop(deadlineMs);
    await this.link.stop();
  }
}
