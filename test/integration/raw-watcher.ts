import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { WatchIncidentsRequest, WatchIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";

/**
 * A watcher over plain HTTP/2 that takes nothing until it is asked to read.
 * (A stream of grpc-js that is paused goes on taking messages into memory.)
 */
export class RawWatcher {
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;

  constructor(address: string, request: Parameters<typeof WatchIncidentsRequest.create>[0]) {
    this.session = connect(`http://${address}`);
    this.stream = this.session.request({
      ":method": "POST",
      ":path": "/picket.v1.IncidentService/WatchIncidents",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const body = WatchIncidentsRequest.encode(WatchIncidentsRequest.create(request)).finish();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(body.length, 1);
    this.stream.end(Buffer.concat([prefix, body]));
  }

  /** Reads on from where it stalled. */
  async *read(): AsyncGenerator<WatchIncidentsResponse> {
    let rest = Buffer.alloc(0);
    for await (const chunk of this.stream) {
      rest = Buffer.concat([rest, Buffer.from(chunk)]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
        const end = 5 + rest.readUInt32BE(1);
        yield WatchIncidentsResponse.decode(rest.subarray(5, end));
        rest = rest.subarray(end);
      }
    }
  }

  close(): void {
    this.session.destroy();
  }
}
