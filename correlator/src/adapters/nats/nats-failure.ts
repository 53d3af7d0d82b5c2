import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { PicketError } from "@picket/proto/picket-error.js";

/** Error codes of the JetStream API that decide what happens next. */
export const jetstreamCodes = {
  notEnabledForAccount: 10_039,
  noMessage: 10_037,
  consumerNotFound: 10_014,
  consumerExists: 10_148,
  streamNameInUse: 10_058,
  streamNotFound: 10_059,
  insufficientResources: 10_023,
  storageExceeded: 10_047,
  wrongLastSequence: 10_071,
} as const;

/** True when the JetStream API answered with this code. */
export function isJetstreamCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

/** True when the server turned the credentials down, which no retry changes. */
export function isRefused(error: unknown): boolean {
  return (
    error instanceof errors.AuthorizationError ||
    error instanceof errors.UserAuthenticationExpiredError ||
    (error instanceof Error && isRefused(error.cause))
  );
}

/** What failed as PicketError: refused credentials, or a server that does not answer and may later. */
export function natsFailure(error: unknown, what: string): PicketError {
  if (error instanceof PicketError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isRefused(error))
    return new PicketError("CREDENTIALS_REFUSED", `nats refused the credentials: ${reason}`, {
      cause: error,
    });
  return new PicketError("SERVER_UNREACHABLE", `nats: cannot ${what}: ${reason}`, { cause: error });
}
