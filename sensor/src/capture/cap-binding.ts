import { createRequire } from "node:module";
import { PicketError } from "@picket/proto/picket-error.js";

/** What we use of npm cap 0.2.1. */
export interface CapHandle {
  /**
   * Opens a device in promiscuous mode and returns the name of its link type.
   * Keeps a raw pointer to `buffer`: it must stay referenced until `close`.
   */
  open(device: string, filter: string, bufferBytes: number, buffer: Buffer): string;
  /** Called once a packet, which is at the start of the buffer. */
  on(event: "packet", listener: (capturedBytes: number, truncated: boolean) => void): void;
  close(): boolean;
}

/**
 * A new, closed handle. The native addon is loaded here and not at import, so
 * that a sensor without libpcap can say what is missing. Throws PicketError
 * CAPTURE_FAILED.
 */
export function newCapHandle(): CapHandle {
  try {
    const { Cap } = createRequire(import.meta.url)("cap") as { Cap: new () => CapHandle };
    return new Cap();
  } catch (cause) {
    const line = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new PicketError(
      "CAPTURE_FAILED",
      `npm cap cannot be loaded (${line}): install libpcap-dev and run \`npm rebuild cap\``,
      { cause },
    );
  }
}

/** Numbers of tcpdump.org/linktypes for the names cap returns. */
const linkTypes: Readonly<Record<string, number>> = {
  NULL: 0,
  ETHERNET: 1,
  RAW: 101,
  LINKTYPE_LINUX_SLL: 113,
  IEEE802_11_RADIO: 127,
};

/** Link type for what `open` returned; -1 for one we do not know. */
export function linkTypeOf(name: string): number {
  const known = linkTypes[name];
  if (known !== undefined) return known;
  const number = /^Unknown linktype (\d+)$/.exec(name)?.[1];
  return number === undefined ? -1 : Number(number);
}
