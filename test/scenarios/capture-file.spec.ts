import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeCaptureFile } from "./capture-file.js";

const folder = mkdtempSync(join(tmpdir(), "picket-capture-file-"));
const options = { packets: 4000, flows: 200, ipv6Share: 0.3, seed: 5 };

afterAll(() => rmSync(folder, { recursive: true }));

function tcpdump(path: string, ...filter: string[]): string[] {
  const lines = execFileSync("tcpdump", ["-nr", path, "-vv", ...filter], { encoding: "utf8", stdio: "pipe" });
  return lines.split("\n").filter((line) => line !== "");
}

function hasTcpdump(): boolean {
  try {
    execFileSync("tcpdump", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("writeCaptureFile", () => {
  it("writes the same file for the same seed, as large as it says", () => {
    const [first, second] = [join(folder, "first.pcap"), join(folder, "second.pcap")];
    const fileBytes = writeCaptureFile(first, options);
    writeCaptureFile(second, options);
    expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
    expect(readFileSync(first).length).toBe(fileBytes);
  });

  it.skipIf(!hasTcpdump())("writes packets that tcpdump finds right, checksums included", () => {
    const path = join(folder, "checked.pcap");
    writeCaptureFile(path, options);
    const text = tcpdump(path).join("\n");
    expect(text).not.toMatch(/incorrect|bad |truncated|unknown/);
    expect(text.match(/^\d\d:\d\d:\d\d\.\d+ IP/gm)).toHaveLength(options.packets);
    const opened = tcpdump(path, "tcp[13] = 2 or (ip6 and ip6[6] = 6 and ip6[53] = 2)");
    expect(opened.filter((line) => /^\d\d:/.test(line))).toHaveLength(options.flows / 2);
  });

  it("refuses more flows than the packets allow", () => {
    expect(() => writeCaptureFile(join(folder, "none.pcap"), { packets: 10, flows: 2 })).toThrow(
      "14 packets",
    );
  });
});
