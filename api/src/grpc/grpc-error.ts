import { Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { Catch, type RpcExceptionFilter } from "@nestjs/common";
import { PicketError, type ErrorCode } from "@picket/proto/picket-error.js";
import { throwError, type Observable } from "rxjs";

const statusOfCode: Record<ErrorCode, status> = {
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  INVALID_POLICY: status.INVALID_ARGUMENT,
  FILE_UNREADABLE: status.INTERNAL,
  CAPTURE_FORMAT: status.INTERNAL,
  INTERFACE_UNKNOWN: status.INTERNAL,
  CAPTURE_DENIED: status.INTERNAL,
  CAPTURE_FAILED: status.INTERNAL,
  SERVER_UNREACHABLE: status.UNAVAILABLE,
  SERVER_TOO_OLD: status.FAILED_PRECONDITION,
  SERVER_CONFIG: status.FAILED_PRECONDITION,
  CREDENTIALS_REFUSED: status.UNAVAILABLE,
  ADDRESS_IN_USE: status.INTERNAL,
  BATCH_INVALID: status.INTERNAL,
  NOT_FOUND: status.NOT_FOUND,
  CONFLICT: status.ABORTED,
  SPOOL_FAILED: status.UNAVAILABLE,
};

/** The error of a request whose field cannot be used; `field` is named as in the proto. */
export function invalidField(field: string, problem: string): PicketError {
  return new PicketError("INVALID_ARGUMENT", `${field}: ${problem}`, { field });
}

/**
 * What a client is told of an error. An expected failure keeps its sentence;
 * of a bug only the fact is told, and `onBug` gets it.
 */
export function toServiceError(error: unknown, onBug: (error: unknown) => void): ServiceError {
  if (error instanceof PicketError) return serviceError(statusOfCode[error.code], error.message);
  if (isServiceError(error)) return error;
  onBug(error);
  return serviceError(status.INTERNAL, "internal error: see the log of the api");
}

/** A gRPC error with a status and a sentence. */
export function serviceError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

/** Lets every error pass to the transport as it is, which alone decides what a client is told. */
@Catch()
export class PassErrorsFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
