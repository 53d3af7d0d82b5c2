import { readdirSync, readFileSync } from "node:fs";

/** What a living process holds. */
export interface ProcessUsage {
  readonly rssBytes: number;
  readonly descriptors: number;
}

/** From proc(5); undefined when the process is gone or this is not Linux. */
export function usageOf(pid: number): ProcessUsage | undefined {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { rssBytes: Number(kibibytes ?? 0) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}
