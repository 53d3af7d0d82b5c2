import type { Incident } from "@picket/correlator/incidents/incident.js";

import { incidentLine } from "./incident-text.js";

/** Totals of the moment. */
export interface UpStatus {
  readonly packetsPerSecond: number;
  readonly packetsDropped: number;
  readonly sensors: number;
  readonly flows: number;
  readonly incidents: number;
}

/** What `picket up` shows while it runs. */
export interface UpOutput {
  /** A line that stays. */
  say(line: string): void;
  incident(change: string, incident: Incident): void;
  /** The totals; on a terminal one line that is rewritten. */
  status(status: UpStatus): void;
  close(): void;
}

/** Output that fits the stream: a live line on a terminal, plain lines elsewhere. */
export function upOutput(stream: NodeJS.WriteStream): UpOutput {
  return stream.isTTY ? new TerminalOutput(stream) : new LogOutput(stream);
}

/** One line at the bottom that is rewritten; everything else scrolls above it. */
class TerminalOutput implements UpOutput {
  private line = "";

  constructor(private readonly stream: NodeJS.WriteStream) {}

  say(line: string): void {
    this.stream.write(`\r\u001B[K${line}\n${this.line}`);
  }

  incident(change: string, incident: Incident): void {
    this.say(incidentLine(change, incident));
  }

  status(status: UpStatus): void {
    this.line = statusText(status).slice(0, Math.max(20, (this.stream.columns ?? 80) - 1));
    this.stream.write(`\r\u001B[K${this.line}`);
  }

  close(): void {
    this.stream.write("\r\u001B[K");
    this.line = "";
  }
}

/** Lines with their time, for a journal; the totals every 10 seconds. */
class LogOutput implements UpOutput {
  private lastStatusMs = 0;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  say(line: string): void {
    this.stream.write(`${new Date().toISOString()} ${line}\n`);
  }

  incident(change: string, incident: Incident): void {
    this.say(incidentLine(change, incident));
  }

  status(status: UpStatus): void {
    const nowMs = Date.now();
    if (nowMs - this.lastStatusMs < 10_000) return;
    this.lastStatusMs = nowMs;
    this.say(statusText(status));
  }

  close(): void {
    // Nothing on the screen to take away.
  }
}

function statusText(status: UpStatus): string {
  return [
    `${Math.round(status.packetsPerSecond).toLocaleString("en")} packets/s`,
    `${status.packetsDropped.toLocaleString("en")} dropped`,
    `${status.sensors} ${status.sensors === 1 ? "sensor" : "sensors"}`,
    `${status.flows.toLocaleString("en")} flows`,
    `${status.incidents} ${status.incidents === 1 ? "incident" : "incidents"}`,
  ].join(" | ");
}
