import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { SocketTableReader } from "./socket-table.js";

const folder = mkdtempSync(join(tmpdir(), "picket-sockets-"));
afterAll(() => rmSync(folder, { recursive: true }));

const heading =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const rest = "00000000:00000000 00:00000000 00000000     0        0 55 1 0 100 0 0 10 0\n";

/** "port state word0.word1.word2.word3" of every socket of a table with this text. */
function socketsOf(text: string, bytesMax = 1 << 20): string[] {
  const path = join(folder, "table");
  writeFileSync(path, text);
  const sockets: string[] = [];
  const result = new SocketTableReader(bytesMax).read(path, (socket) => {
    const words = [socket.word0, socket.word1, socket.word2, socket.word3];
    sockets.push(`${socket.port} ${socket.state} ${words.map((word) => word.toString(16)).join(".")}`);
    return sockets.length < 2000;
  });
  return [...sockets.slice(0, 3), `${sockets.length} ${result}`];
}

describe("a table of sockets", () => {
  it("is read by address, port and state", () => {
    const ipv4 = `   0: 0100007F:1F90 00000000:0000 0A ${rest}`;
    const ipv6 = `12345: 000080FE00000000FF005450B6AD1DFE:0035 ${"0".repeat(32)}:0000 07 ${rest}`;
    expect(socketsOf(heading + ipv4 + ipv6)).toEqual([
      "8080 10 0.0.ffff.7f000001",
      "53 7 fe800000.0.505400ff.fe1dadb6",
      "2 read",
    ]);
  });

  it("is read over any number of chunks, until it is enough", () => {
    const line = `   0: 0100007F:1F90 00000000:0000 0A ${rest}`;
    expect(socketsOf(heading + line.repeat(1500)).at(-1)).toBe("1500 read");
    expect(socketsOf(heading + line.repeat(3000)).at(-1)).toBe("2000 stopped");
    expect(socketsOf(heading + line.repeat(1500), 100_000).at(-1)).toContain("tooLong");
  });

  it("is refused or skipped where it is none", () => {
    expect(socketsOf("")).toEqual(["0 read"]);
    expect(socketsOf("x".repeat(70_000))).toEqual(["0 tooLong"]);
    const broken = ["1:\n", ":\n", "\n", "   0: 0100007F:1F9G 00000000:0000 0A\n", "   0: 0100007F:1F90\n"];
    expect(socketsOf(broken.join(""))).toEqual(["0 read"]);
    expect(new SocketTableReader(1).read(join(folder, "none"), () => true)).toBe("missing");
  });
});
