import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { FlowEndReason, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { afterAll, describe, expect, it } from "vitest";
import { FlowLogFile } from "./zeek-conn-log.js";

const folder = mkdtempSync(join(tmpdir(), "picket-flow-log-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function stored(text: string | Uint8Array): string {
  const path = join(folder, `log-${files++}`);
  writeFileSync(path, text);
  return path;
}

const columns =
  "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes".split(
    " ",
  );

/** A conn.log of one flow per object; what is left out is unset. */
function tsv(flows: readonly Record<string, string | number>[], names = columns): string {
  const header = [
    String.raw`#separator \x09`,
    "#unset_field\t-",
    "#path\tconn",
    `#fields\t${names.join("\t")}`,
  ];
  const rows = flows.map((flow) => names.map((name) => flow[name] ?? "-").join("\t"));
  return [...header, ...rows, "#close\t2024", ""].join("\n");
}

const flow = {
  ts: "1655157610.743948",
  "id.orig_h": "10.0.0.1",
  "id.orig_p": 40_000,
  "id.resp_h": "10.0.0.2",
  "id.resp_p": 443,
  proto: "tcp",
  duration: "1.500001",
  conn_state: "SF",
  history: "ShADadfF",
  orig_pkts: 5,
  orig_ip_bytes: 473,
  resp_pkts: 4,
  resp_ip_bytes: 1281,
};

/** Reads a whole log in batches and returns what `pick` takes of every row. */
async function readLog<T>(
  path: string,
  pick: (builder: FlowBatchBuilder, row: number) => T,
  recordsMax = 64,
) {
  const log = await FlowLogFile.open(path);
  const builder = new FlowBatchBuilder(recordsMax);
  const rows: T[] = [];
  while (await log.next(builder)) {
    for (let row = 0; row < builder.length; row++) rows.push(pick(builder, row));
  }
  return { rows, counters: log.counters };
}

function address(builder: FlowBatchBuilder, index: number): number[] {
  return [...builder.columns.addressWords.subarray(index * 4, index * 4 + 4)];
}

const outcomeOf = ({ columns }: FlowBatchBuilder, row: number) => columns.outcome[row];
const portOf = ({ columns }: FlowBatchBuilder, row: number) => columns.destinationPort[row];

/** Every column of a row by name. */
function wholeRow(builder: FlowBatchBuilder, row: number) {
  const { columns: all } = builder;
  return {
    source: address(builder, all.sourceIndex[row]),
    destination: address(builder, all.destinationIndex[row]),
    ports: [all.sourcePort[row], all.destinationPort[row]],
    protocol: all.protocol[row],
    outcome: all.outcome[row],
    endReason: all.endReason[row],
    recordKind: all.recordKind[row],
    oneSided: all.oneSided[row],
    flags: [all.forwardTcpFlags[row], all.reverseTcpFlags[row]],
    times: [all.startUs[row], all.endUs[row]],
    packets: [all.forwardPackets[row], all.reversePackets[row]],
    bytes: [all.forwardBytes[row], all.reverseBytes[row]],
  };
}

describe("Zeek conn.log", () => {
  const expected = {
    source: [0, 0, 0xffff, 0x0a00_0001],
    destination: [0, 0, 0xffff, 0x0a00_0002],
    ports: [40_000, 443],
    protocol: 6,
    outcome: Outcome.answered,
    endReason: FlowEndReason.endDetected,
    recordKind: RecordKind.only,
    oneSided: 0,
    flags: [0x1b, 0x1b],
    times: [1_655_157_610_743_948, 1_655_157_612_243_949],
    packets: [5, 4],
    bytes: [473, 1281],
  };

  it.each<[string, string | Uint8Array]>([
    ["tab-separated", tsv([flow])],
    ["with columns in another order", tsv([flow], columns.toReversed())],
    ["gzipped", gzipSync(tsv([flow]))],
    ["with another separator", tsv([flow]).replaceAll("\t", "|").replace("\\x09", "\\x7c")],
    ["with carriage returns", tsv([flow]).replaceAll("\n", "\r\n")],
    ["without a last newline", tsv([flow]).replace(/\n#close.*\n$/, "")],
    ["as JSON", `${JSON.stringify({ ...flow, ts: Number(flow.ts), duration: 1.500001 })}\n`],
    ["as gzipped JSON", gzipSync(JSON.stringify(flow))],
  ])("is read %s", async (_name, text) => {
    const { rows, counters } = await readLog(stored(text), wholeRow);
    expect(rows).toEqual([expected]);
    expect(counters).toEqual({ recordsRead: 1, recordsCorrupt: 0 });
  });

  it.each([
    ["SF", "ShADadfF", Outcome.answered],
    ["S1", "ShAD", Outcome.answered],
    ["S2", "ShADF", Outcome.answered],
    ["S3", "ShADf", Outcome.answered],
    ["RSTO", "ShAR", Outcome.answered],
    ["RSTR", "ShAr", Outcome.answered],
    ["SF", "^hADafF", Outcome.answered],
    ["REJ", "Sr", Outcome.refused],
    ["S0", "S", Outcome.ignored],
    ["RSTOS0", "SR", Outcome.halfOpen],
    ["SH", "SF", Outcome.halfOpen],
    ["RSTOS0", "DR", Outcome.unknown],
    ["REJ", "^r", Outcome.unknown],
    ["OTH", "Dd", Outcome.unknown],
    ["SHR", "^hf", Outcome.unknown],
    ["RSTRH", "^hr", Outcome.unknown],
    ["-", "S", Outcome.unknown],
    ["BOGUS", "S", Outcome.unknown],
    ["S0", "-", Outcome.ignored],
  ])("state %s with history %s", async (state, history, outcome) => {
    const text = tsv([{ ...flow, conn_state: state, history }]);
    expect((await readLog(stored(text), outcomeOf)).rows).toEqual([outcome]);
  });

  it.each([
    ["S0", Outcome.ignored],
    ["SF", Outcome.answered],
  ])("UDP in state %s, whatever the history", async (state, outcome) => {
    const text = tsv([{ ...flow, proto: "udp", conn_state: state, history: "Dd" }]);
    const { rows } = await readLog(stored(text), wholeRow);
    expect(rows[0]).toMatchObject({ protocol: 17, outcome, flags: [0, 0] });
  });

  it("turns the ports of ICMP into type and code", async () => {
    const echo = { ...flow, proto: "icmp", "id.orig_p": 8, "id.resp_p": 0 };
    const unreachable = { ...flow, proto: "icmp", "id.orig_p": 3, "id.resp_p": 1 };
    const solicitation = {
      ...echo,
      "id.orig_h": "fe80::1",
      "id.resp_h": "ff02::2",
      "id.orig_p": 133,
      "id.resp_p": 134,
    };
    const path = stored(tsv([echo, unreachable, solicitation]));
    expect((await readLog(path, portOf)).rows).toEqual([0x0800, 0x0301, 0x8500]);
    const { rows } = await readLog(path, wholeRow);
    expect(rows[2]).toMatchObject({ protocol: 58, source: [0xfe80_0000, 0, 0, 1], ports: [0, 0x8500] });
  });

  it("falls back on what is there", async () => {
    const bare = {
      ...flow,
      duration: "-",
      orig_ip_bytes: "-",
      orig_bytes: 99,
      resp_pkts: "-",
      resp_ip_bytes: "-",
    };
    const { rows } = await readLog(stored(tsv([bare])), wholeRow);
    expect(rows[0]).toMatchObject({ packets: [5, 0], bytes: [99, 0], oneSided: 1 });
    expect(rows[0].times[0]).toBe(rows[0].times[1]);
  });

  it("takes the number of a protocol without a name from ip_proto", async () => {
    const text = tsv([{ ...flow, proto: "unknown_transport", ip_proto: 89 }], [...columns, "ip_proto"]);
    expect((await readLog(stored(text), wholeRow)).rows[0].protocol).toBe(89);
  });

  it("reads dates of ISO 8601", async () => {
    const text = JSON.stringify({ ...flow, ts: "2022-06-13T22:00:10.743Z" });
    expect((await readLog(stored(text), wholeRow)).rows[0].times[0]).toBe(1_655_157_610_743_000);
  });

  it.each([
    ["a source that is no address", tsv([{ ...flow, "id.orig_h": "host" }, flow])],
    ["a port beyond 65535", tsv([{ ...flow, "id.resp_p": 65_536 }, flow])],
    ["a port that is unset", tsv([{ ...flow, "id.orig_p": "-" }, flow])],
    ["no time", tsv([{ ...flow, ts: "-" }, flow])],
    ["a time before 1970", tsv([{ ...flow, ts: -1 }, flow])],
    ["a time that is none", tsv([{ ...flow, ts: "soon" }, flow])],
    ["too few columns", tsv([flow]).replace("#close", "1\t2\n#close")],
    ["broken JSON", `${JSON.stringify(flow)}\n{"id.orig_h":\n`],
    ["JSON that is no object", `${JSON.stringify(flow)}\n7\n`],
    ["a line longer than any record", tsv([flow]).replace("#close", `${"x".repeat(300_000)}\n#close`)],
    ["a long line at the end", tsv([flow]) + "x".repeat(200_000)],
  ])("counts a line with %s and goes on", async (_name, text) => {
    const { rows, counters } = await readLog(stored(text), portOf);
    expect(rows).toEqual([443]);
    expect(counters).toEqual({ recordsRead: 1, recordsCorrupt: 1 });
  });

  it("counts a gzipped log that is cut off", async () => {
    const packed = gzipSync(tsv(Array.from({ length: 2000 }, () => flow)), { level: 0 });
    const { rows, counters } = await readLog(stored(packed.subarray(0, 90_000)), portOf);
    expect(rows.length).toBeGreaterThan(500);
    expect(counters.recordsCorrupt).toBeGreaterThan(0);
  });

  it("keeps the record that did not fit for the next batch", async () => {
    const flows = Array.from({ length: 5000 }, (_, index) => ({ ...flow, "id.resp_p": index }));
    const { rows } = await readLog(stored(tsv(flows)), portOf, 3);
    expect(rows).toEqual(flows.map((one) => one["id.resp_p"]));
  });

  it("delivers nothing after stop", async () => {
    const log = await FlowLogFile.open(stored(tsv([flow])));
    await log.stop();
    await log.stop();
    expect(await log.next(new FlowBatchBuilder())).toBe(false);
  });
});

describe("Argus CSV", () => {
  const header =
    "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts";
  const line = (values: Record<string, string>) => {
    const defaults: Record<string, string> = {
      StartTime: "2019/04/04 16:24:47.672448",
      Dur: "0.5",
      Proto: "tcp",
      SrcAddr: "10.8.0.69",
      Sport: "56101",
      Dir: "   ->",
      DstAddr: "14.1.11.113",
      Dport: "999",
      TotPkts: "31",
      TotBytes: "8764",
      SrcBytes: "1887",
      SrcPkts: "15",
      ...values,
    };
    return header
      .split(",")
      .map((name) => defaults[name] ?? "")
      .join(",");
  };
  const log = (...lines: string[]) => stored([header, ...lines, ""].join("\n"));

  it("is read", async () => {
    const { rows } = await readLog(log(line({ State: "FSPA_FSPA" })), wholeRow);
    expect(rows[0]).toMatchObject({
      source: [0, 0, 0xffff, 0x0a08_0045],
      ports: [56_101, 999],
      outcome: Outcome.answered,
      times: [1_554_395_087_672_448, 1_554_395_088_172_448],
      packets: [15, 16],
      bytes: [1887, 6877],
    });
  });

  it("turns a flow round whose arrow points to the left", async () => {
    const { rows } = await readLog(log(line({ Dir: "  <-", State: "CON" })), wholeRow);
    expect(rows[0]).toMatchObject({
      source: [0, 0, 0xffff, 0x0e01_0b71],
      ports: [999, 56_101],
      packets: [16, 15],
      bytes: [6877, 1887],
    });
  });

  it.each([
    ["S0", Outcome.ignored],
    ["S_", Outcome.ignored],
    ["S_RA", Outcome.refused],
    ["S_SA", Outcome.halfOpen],
    ["SR_SA", Outcome.halfOpen],
    ["SPA_SPA", Outcome.answered],
    ["S_A", Outcome.unknown],
    ["PA_PA", Outcome.unknown],
    ["CON", Outcome.answered],
    ["REQ", Outcome.ignored],
    ["URP", Outcome.unreachable],
    ["INT", Outcome.answered],
    ["", Outcome.unknown],
  ])("state %s", async (state, outcome) => {
    expect((await readLog(log(line({ State: state })), outcomeOf)).rows).toEqual([outcome]);
  });

  it("reads an echo request without a reply", async () => {
    const echo = line({
      Proto: "icmp",
      Sport: "0x0008",
      Dport: "0x7208",
      State: "ECO",
      TotPkts: "2",
      SrcPkts: "2",
    });
    const { rows } = await readLog(log(echo), wholeRow);
    expect(rows[0]).toMatchObject({ protocol: 1, ports: [0, 0x0800], outcome: Outcome.ignored, oneSided: 1 });
  });

  it.each([
    ["a broken date", line({ StartTime: "yesterday" })],
    ["a hardware address", line({ SrcAddr: "00:11:22:33:44:55" })],
    ["too few columns", "2019/04/04 16:24:47,1"],
  ])("counts %s", async (_name, bad) => {
    const { counters } = await readLog(log(bad, line({ State: "CON" })), portOf);
    expect(counters).toEqual({ recordsRead: 1, recordsCorrupt: 1 });
  });
});

describe("what is no flow log", () => {
  it.each<[string, string, RegExp]>([
    ["an empty file", "", /is empty/],
    ["another Zeek log", "#path\tdns\n#fields\tts\tuid\tquery\n", /is a Zeek dns\.log/],
    ["text", "hello\n", /is no flow log/],
    ["other JSON", '{"a":1}\n', /is no flow log/],
  ])("%s is refused with one line", async (_name, text, reason) => {
    const path = stored(text);
    await expect(FlowLogFile.open(path)).rejects.toMatchObject({
      code: "CAPTURE_FORMAT",
      message: expect.stringMatching(reason),
    });
    expect(await FlowLogFile.looksLike(path)).toBe(false);
  });

  it("a missing file is refused", async () => {
    await expect(FlowLogFile.open("/nowhere/conn.log")).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });

  it("is told from a flow log without opening it", async () => {
    expect(await FlowLogFile.looksLike(stored(gzipSync(tsv([]))))).toBe(true);
    expect(await FlowLogFile.looksLike("-")).toBe(false);
    expect(await FlowLogFile.looksLike("/nowhere/conn.log")).toBe(false);
    expect(await FlowLogFile.looksLike(folder)).toBe(false);
  });
});

const captures =
  process.env["PICKET_CAPTURES"] ?? resolve(import.meta.dirname, "../../../../shared/captures");
const logs = join(captures, "zeek-logs");

describe.skipIf(!existsSync(logs))(`real flow logs in ${logs}`, () => {
  const names = existsSync(logs)
    ? readdirSync(logs, { recursive: true, encoding: "utf8" }).filter((name) =>
        /conn\..*log|_conn\.log|binetflow/.test(name),
      )
    : [];

  it("are there", () => expect(names.length).toBeGreaterThan(0));

  it.each(names)("%s: every line that is no comment is a flow", async (name) => {
    const path = join(logs, name);
    const bytes = readFileSync(path);
    const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
    const lines = text
      .split("\n")
      .filter((one) => one !== "" && !one.startsWith("#") && !one.startsWith("StartTime"));
    expect(await FlowLogFile.looksLike(path)).toBe(true);
    const { rows, counters } = await readLog(path, outcomeOf, 2048);
    expect(rows).toHaveLength(lines.length);
    expect(counters).toEqual({ recordsRead: lines.length, recordsCorrupt: 0 });
  });
});
