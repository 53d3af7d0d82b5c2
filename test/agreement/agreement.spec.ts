import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { agreementPagePath, capturesFolder } from "../captures/captures-folder.js";
import { agreeWithNfpcapd, agreeWithTshark, type TsharkAgreement } from "./agree-about.js";
import { agreementPage } from "./agreement-page.js";
import type { FlowAgreement } from "./compare-flows.js";
import { realCaptures, writeGeneratedCaptures } from "./compared-captures.js";
import { hasNfpcapd, hasTshark } from "./peers.js";

const folder = mkdtempSync(join(tmpdir(), "picket-agreement-"));
const real = realCaptures();
const captures = [...writeGeneratedCaptures(folder), ...real];

if (!hasTshark) process.stderr.write("agreement: tshark is not installed (npm run agreement does it)\n");
if (!hasNfpcapd) process.stderr.write("agreement: nfdump is not installed (npm run agreement does it)\n");
if (real.length === 0)
  process.stderr.write(`no captures in ${capturesFolder}: only generated ones compared\n`);

afterAll(() => rmSync(folder, { recursive: true }));

const byTshark = new Map<string, TsharkAgreement>();
const byNfpcapd = new Map<string, FlowAgreement>();

describe.skipIf(!hasTshark)(
  "every flow is tshark's, to the microsecond, or differs for a known reason",
  () => {
    it.each(captures)(
      "$name",
      async ({ name, path }) => {
        const agreement = await agreeWithTshark(path);
        byTshark.set(name, agreement);
        expect(agreement.endless.unexplained).toEqual([]);
        expect(agreement.timed.unexplained).toEqual([]);
      },
      120_000,
    );

    it("differs in no flow of the generated captures", () => {
      for (const { name } of captures.slice(0, 2)) {
        const agreement = byTshark.get(name);
        expect(agreement?.endless.explained).toEqual(new Map());
        expect(agreement?.timed.explained).toEqual(new Map());
        expect(agreement?.timed.equal).toBeGreaterThan(20);
      }
    });
  },
);

describe.skipIf(!hasNfpcapd)("every conversation is nfpcapd's or differs for a known reason", () => {
  it.each(captures)(
    "$name",
    async ({ name, path }) => {
      const agreement = await agreeWithNfpcapd(path);
      byNfpcapd.set(name, agreement);
      expect(agreement.unexplained).toEqual([]);
    },
    120_000,
  );
});

it.skipIf(!hasTshark || !hasNfpcapd || real.length === 0)(
  "the results are those of docs/agreement.md (npm run agreement writes it)",
  () => {
    const rows = captures.map(({ name }) => {
      const [tshark, nfpcapd] = [byTshark.get(name), byNfpcapd.get(name)];
      if (tshark === undefined || nfpcapd === undefined) throw new Error(`${name} was not compared`);
      return { name, tshark, nfpcapd };
    });
    expect(readFileSync(agreementPagePath, "utf8")).toBe(agreementPage(rows));
  },
);
