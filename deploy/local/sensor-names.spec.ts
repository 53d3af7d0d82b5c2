import { describe, expect, it } from "vitest";

import { inputFiles } from "./sensor-names.js";

describe("sensor names of files", () => {
  it("come from the file names, made unique", () => {
    const inputs = inputFiles([], ["/a/web 1.pcap.gz", "/b/web-1.pcapng", "-", "conn.log"]);
    expect(inputs.map((input) => input.sensor)).toEqual(["web-1", "web-1-2", "stdin", "conn"]);
  });

  it("are taken as given, and the path keeps its equal signs", () => {
    expect(inputFiles(["db=/x/a=b.pcap"], [])).toEqual([{ sensor: "db", path: "/x/a=b.pcap" }]);
  });

  it.each(["web", "=x.pcap", "web=", "we b=x.pcap"])("refuse %j", (text) => {
    expect(() => inputFiles([text], [])).toThrow(/is not NAME=FILE/);
  });

  it("refuse a name given twice", () => {
    expect(() => inputFiles(["a=1", "a=2"], [])).toThrow("--sensor: the name a is given twice");
  });
});
