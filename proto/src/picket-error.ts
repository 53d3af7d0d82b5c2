/** Every code of an expected failure, with what a person can do about it. */
export const errorCodes = {
  INVALID_ARGUMENT: "a flag, key or field has a value that cannot be used",
  INVALID_POLICY: "a policy field is unknown or out of range",
  FILE_UNREADABLE: "a file is missing or may not be read",
  CAPTURE_FORMAT: "a file is not a capture that can be read",
  INTERFACE_UNKNOWN: "the interface does not exist",
  CAPTURE_DENIED: "packets may not be captured without CAP_NET_RAW",
  CAPTURE_FAILED: "the capture backend could not be opened",
  SERVER_UNREACHABLE: "NATS or Redis does not answer",
  SERVER_TOO_OLD: "the server lacks something that is needed",
  SERVER_CONFIG: "the server is configured in a way that would lose data",
  CREDENTIALS_REFUSED: "the server refused the credentials",
  ADDRESS_IN_USE: "the port is taken by another program",
  BATCH_INVALID: "a flow batch could not be decoded",
  NOT_FOUND: "nothing has this name or id",
  CONFLICT: "it was changed by someone else in the meantime",
  SPOOL_FAILED: "the spool on disk cannot be written",
} as const;
export type ErrorCode = keyof typeof errorCodes;

/**
 * An expected failure: a code of the closed table and one lower-case line that
 * names the thing and says what to do. Bugs are plain errors and crash.
 */
export class PicketError extends Error {
  override readonly name = "PicketError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown; field?: string },
  ) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.field = options?.field;
  }
  /** The flag, key or field that is wrong, for example "scan.crowd_sources_min". */
  readonly field: string | undefined;
}
