import { createRequire } from "node:module";
import { endianness } from "node:os";
import { PicketError } from "@picket/proto/picket-error.js";

/** What a ring is opened with; the kernel checks what it allocates. */
export interface RingOptions {
  /** Name of the interface, or any. */
  readonly interface: string;
  /** libpcap filter expression; empty captures everything. */
  readonly filter: string;
  /** Bytes kept of each packet. */
  readonly snapLengthBytes: number;
  /** Bytes of a block, a multiple of the page size, and how many there are. */
  readonly blockBytes: number;
  readonly blockCount: number;
  /** A block that is not full is handed over after this time. */
  readonly retireMs: number;
  readonly promiscuous: boolean;
  /** Stamps of the network card where it makes them, else the kernel's. */
  readonly hardwareTimestamps: boolean;
  /** Rings of one group share the packets of an interface by flow; -1 for none. */
  readonly fanoutGroup: number;
}

/** An open ring. */
export interface RingHandle {
  /** The ring itself, shared with the kernel; empty once the ring is closed. */
  readonly memory: ArrayBuffer;
  readonly interfaceIndex: number;
  /** ARPHRD number of the interface. */
  readonly hardwareType: number;
  /** Packets start at the network layer. */
  readonly isCooked: boolean;
}

/** What the system says of an interface. */
export interface InterfaceFacts {
  /** 0 for `any` and for one that does not exist. */
  readonly index: number;
  readonly exists: boolean;
  readonly isUp: boolean;
}

/** The native addon. Errors it throws have an errno name as `code`, or EFILTER. */
export interface RingBinding {
  /**
   * `onBlock` gets the offset of a block, of its first packet within it, and
   * how many there are; the block goes back to the kernel after the call.
   * `onError` gets an errno name, for example ENETDOWN; the ring stays open.
   */
  open(
    options: RingOptions,
    onBlock: (blockOffset: number, firstPacketOffset: number, packets: number) => void,
    onError: (code: string) => void,
  ): RingHandle;
  /** Empties the memory of the ring; may be called again, and within a callback. */
  close(ring: RingHandle): void;
  /** Counts since the last call, the packets dropped included; undefined once closed. */
  statistics(ring: RingHandle): { packets: number; drops: number; freezes: number } | undefined;
  interfaceFacts(name: string): InterfaceFacts;
}

/** What the addon does to the process it is in. Errors have an errno name as `code`. */
export interface ProcessBinding {
  /** No network connection, no file written, no program started from now on: EPERM. */
  confine(): void;
  /** Ends this process at once with an exit code, without waiting for its threads. */
  endProcess(code: number): never;
  /** This process becomes another program, `command[0]` by its path; returns only by an error. */
  replaceProcess(command: readonly string[]): never;
}

/** The same path from sources and from dist. */
const builtFile = "../../native/build/Release/ring.node";

/**
 * Loads the addon, here and not at import, so that a sensor without it can say
 * so. Throws PicketError CAPTURE_FAILED.
 */
export function loadRingBinding(): RingBinding & ProcessBinding {
  if (process.platform !== "linux" || endianness() !== "LE")
    throw new PicketError(
      "CAPTURE_FAILED",
      `there is no capture ring on ${process.platform} ${process.arch}`,
    );
  try {
    return createRequire(import.meta.url)(builtFile) as RingBinding & ProcessBinding;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    const line = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    const reason = isMissing ? "it is not built" : line;
    throw new PicketError(
      "CAPTURE_FAILED",
      `the capture ring cannot be loaded (${reason}): install g++, make, python3 and libpcap-dev and run \`npm rebuild @picket/sensor\``,
      { cause },
    );
  }
}
