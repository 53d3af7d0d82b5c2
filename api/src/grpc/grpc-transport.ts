import {
  Server as GrpcServer,
  status,
  type sendUnaryData,
  type ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Server, Transport, type CustomTransportStrategy, type MessageHandler } from "@nestjs/microservices";
import { PicketError } from "@picket/proto/picket-error.js";
import { isObservable, lastValueFrom } from "rxjs";
import { serviceError, toServiceError } from "./grpc-error.js";

export interface GrpcTransportOptions {
  /** HOST:PORT; port 0 takes a free one. */
  readonly listen: string;
  readonly credentials: ServerCredentials;
  readonly services: readonly ServiceDefinition[];
  readonly connectionAgeMaxMs: number;
  /** Streams at the same time over all connections. */
  readonly streamsMax: number;
  /** Adds services that have no controller, as health and reflection. */
  readonly addServices: (server: GrpcServer) => void;
  /** Gets every error that is not an expected failure. */
  readonly onBug: (error: unknown) => void;
}

/** Second argument of every handler: what it knows of the call. */
export interface CallContext {
  /** Aborts when the client cancels, the connection breaks or the server stops. */
  readonly signal: AbortSignal;
}

const requestBytesMax = 1024 * 1024;
const streamsPerConnectionMax = 100;
const stopDeadlineMs = 2000;

type UnaryCall = ServerUnaryCall<unknown, unknown>;
type StreamCall = ServerWritableStream<unknown, unknown>;

/**
 * NestJS transport over grpc-js and the generated service definitions. A
 * handler's pattern is the method's path. A server stream's handler returns an
 * async iterable that is read only when the client took what was written
 * before: a slow client holds back its own iterable and nothing else. (The
 * transport of NestJS queues what a slow client does not take without a bound.)
 */
export class GrpcTransport extends Server implements CustomTransportStrategy {
  override transportId = Transport.GRPC;
  /** HOST:PORT that is served, once listening. */
  address = "";
  private readonly server: GrpcServer;
  private readonly streams = new Set<AbortController>();
  private isStopping = false;

  constructor(private readonly options: GrpcTransportOptions) {
    super();
    this.server = new GrpcServer({
      "grpc.max_receive_message_length": requestBytesMax,
      "grpc.max_concurrent_streams": streamsPerConnectionMax,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.max_connection_age_ms": options.connectionAgeMaxMs,
      "grpc.max_connection_age_grace_ms": 10_000,
    });
  }

  override listen(callback: (error?: unknown) => void): void {
    for (const service of this.options.services) this.server.addService(service, this.implement(service));
    this.options.addServices(this.server);
    this.server.bindAsync(this.options.listen, this.options.credentials, (error, port) => {
      if (error !== null) return callback(bindError(this.options.listen, error));
      this.address = `${this.options.listen.slice(0, this.options.listen.lastIndexOf(":"))}:${port}`;
      callback();
    });
  }

  /** Ends the streams, lets running calls finish within a deadline, then closes every connection. */
  override async close(): Promise<void> {
    this.isStopping = true;
    for (const stream of this.streams) stream.abort();
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(() => this.server.forceShutdown(), stopDeadlineMs);
      this.server.tryShutdown(() => {
        clearTimeout(deadline);
        resolve();
      });
    });
  }

  override on(): never {
    throw new Error("the gRPC transport has no events");
  }

  override unwrap<T>(): T {
    throw new Error("the gRPC transport has no server to hand out");
  }

  private implement(service: ServiceDefinition): UntypedServiceImplementation {
    const implementation: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(service)) {
      const handler = this.getHandlers().get(method.path);
      if (handler === undefined) throw new Error(`no controller handles ${method.path}`);
      implementation[name] = method.responseStream
        ? (call: StreamCall) => void this.serveStream(handler, call)
        : (call: UnaryCall, callback: sendUnaryData<unknown>) =>
            void this.serveUnary(handler, call, callback);
    }
    return implementation;
  }

  private async serveUnary(
    handler: MessageHandler,
    call: UnaryCall,
    callback: sendUnaryData<unknown>,
  ): Promise<void> {
    const stop = new AbortController();
    call.on("cancelled", () => stop.abort());
    try {
      callback(null, await valueOf(handler(call.request, { signal: stop.signal })));
    } catch (error) {
      callback(toServiceError(error, this.options.onBug));
    }
  }

  private async serveStream(handler: MessageHandler, call: StreamCall): Promise<void> {
    const stop = new AbortController();
    call.on("cancelled", () => stop.abort());
    try {
      if (this.streams.size >= this.options.streamsMax) {
        throw serviceError(
          status.RESOURCE_EXHAUSTED,
          `the api serves ${this.options.streamsMax} streams already`,
        );
      }
      this.streams.add(stop);
      await this.pump(await valueOf(handler(call.request, { signal: stop.signal })), call, stop.signal);
      if (this.isStopping)
        throw serviceError(status.UNAVAILABLE, "the api stops: resume with the last cursor");
      call.end();
    } catch (error) {
      call.emit("error", toServiceError(error, this.options.onBug));
    } finally {
      this.streams.delete(stop);
    }
  }

  private async pump(messages: unknown, call: StreamCall, signal: AbortSignal): Promise<void> {
    if (!isAsyncIterable(messages)) throw new Error("the handler of a stream must return an async iterable");
    for await (const message of messages) {
      if (signal.aborted) return;
      if (!call.write(message)) await untilDrained(call, signal);
    }
  }
}

function untilDrained(call: StreamCall, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      call.off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    call.on("close", done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

async function valueOf(result: unknown): Promise<unknown> {
  const value = await result;
  return isObservable(value) ? lastValueFrom(value) : value;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function bindError(listen: string, error: Error): PicketError {
  const options = { cause: error, field: "listen" };
  if (error.message.includes("EADDRINUSE")) {
    return new PicketError(
      "ADDRESS_IN_USE",
      `${listen} is taken by another program: stop it or listen elsewhere`,
      options,
    );
  }
  return new PicketError(
    "INVALID_ARGUMENT",
    `cannot listen on ${listen}: ${firstLine(error.message)}`,
    options,
  );
}

/** grpc-js joins one reason per resolved address behind "errors: ["; the first one is enough. */
function firstLine(message: string): string {
  return /errors: \[([^\],]+)/.exec(message)?.[1] ?? message.split("\n")[0];
}
