import type { ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { WatchIncidentsRequest, WatchIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import { isUnreachable, withApiClient, type ApiClient } from "./api-client.js";
import { toWireFilterOf, type FilterOptions } from "./filter-options.js";
import { formatEventLine } from "./incident-text.js";
import type { ServerOptions } from "./server-options.js";
import { printable, type Terminal } from "./terminal.js";

/** Options of `incidents watch`. */
export interface WatchCommandOptions extends ServerOptions, FilterOptions {
  readonly json?: boolean;
  readonly cursor: string;
  readonly count?: number;
  /** Seconds. */
  readonly timeout?: number;
}

const retryMinMs = 250;
const retryMaxMs = 5000;

/**
 * Prints changes until interrupted, the count or the time is reached. When the
 * api goes away after it was there once, the watch resumes by cursor.
 * Throws PicketError when the api was never reached or refuses the request.
 */
export async function watchCommand(options: WatchCommandOptions, terminal: Terminal): Promise<void> {
  const interrupt = terminal.onInterrupt();
  const stop = new AbortController();
  interrupt.signal.addEventListener("abort", () => stop.abort());
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => stop.abort(), options.timeout * 1000);
  try {
    await withApiClient(options, (client) => new Watch(client, options, terminal, stop).run());
  } finally {
    clearTimeout(timer);
    interrupt.release();
  }
}

/** One `incidents watch` over as many streams as it takes. */
class Watch {
  private cursor: string;
  private printed = 0;
  private wasReached = false;
  private isBroken = false;
  private retryMs = retryMinMs;

  constructor(
    private readonly client: ApiClient,
    private readonly options: WatchCommandOptions,
    private readonly terminal: Terminal,
    private readonly stop: AbortController,
  ) {
    this.cursor = options.cursor;
  }

  async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      const error = await this.followStream();
      if (this.stop.signal.aborted) break;
      if (error !== undefined) this.checkRetry(error);
      this.tellOnce(error);
      await pause(this.retryMs, this.stop.signal);
      this.retryMs = Math.min(retryMaxMs, this.retryMs * 2);
    }
    if (this.cursor !== "") this.terminal.note(`resume with --cursor ${this.cursor}\n`);
  }

  /** Reads one stream to its end; resolves to the error that ended it. */
  private followStream(): Promise<ServiceError | undefined> {
    const request = WatchIncidentsRequest.create({
      filter: toWireFilterOf(this.options),
      cursor: this.cursor,
    });
    const stream = this.client.incidents.watchIncidents(request);
    const cancel = (): void => stream.cancel();
    this.stop.signal.addEventListener("abort", cancel);
    return new Promise<ServiceError | undefined>((resolve) => {
      stream.on("data", (response: WatchIncidentsResponse) => this.take(response));
      stream.on("error", (error: ServiceError) => resolve(error));
      stream.on("end", () => resolve(undefined));
    }).finally(() => this.stop.signal.removeEventListener("abort", cancel));
  }

  private take(response: WatchIncidentsResponse): void {
    if (this.stop.signal.aborted) return;
    this.wasReached = true;
    this.isBroken = false;
    this.retryMs = retryMinMs;
    this.cursor = response.cursor;
    const line = this.formatResponse(response);
    if (line !== "") this.terminal.out(line);
    if (response.event?.$case !== "incidentEvent") return;
    this.printed++;
    if (this.printed === this.options.count) this.stop.abort();
  }

  private formatResponse(response: WatchIncidentsResponse): string {
    const { event } = response;
    if (event === undefined || event.$case === "heartbeat") return "";
    if (this.options.json === true) return `${JSON.stringify(WatchIncidentsResponse.toJSON(response))}\n`;
    if (event.$case === "incidentEvent")
      return formatEventLine(event.incidentEvent, this.terminal.hasColours);
    const { missedEvents, reason } = event.gap;
    const missed = missedEvents === 0n ? "some changes" : `${missedEvents} changes`;
    this.terminal.note(`picket: ${missed} missed (${printable(reason)}): see \`picket incidents list\`\n`);
    return "";
  }

  /** One line when the watch breaks, none for the attempts that follow. */
  private tellOnce(error: ServiceError | undefined): void {
    if (this.isBroken) return;
    this.isBroken = true;
    const isAway = error === undefined || isUnreachable(error) || this.wasReached;
    const what = isAway ? `the api at ${this.client.server} went away` : printable(error.details);
    this.terminal.note(`picket: ${what}; resuming when it is back\n`);
  }

  /** Throws what a retry cannot mend. */
  private checkRetry(error: ServiceError): void {
    const isPassing = [status.UNAVAILABLE, status.INTERNAL, status.UNKNOWN, status.CANCELLED].includes(
      error.code,
    );
    if (!isPassing || (isUnreachable(error) && !this.wasReached)) throw this.client.explain(error);
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
