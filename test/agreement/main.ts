import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agreementPagePath, capturesFolder } from "../captures/captures-folder.js";
import { agreeWithNfpcapd, agreeWithTshark } from "./agree-about.js";
import { agreementPage, type ComparedRow } from "./agreement-page.js";
import { realCaptures, writeGeneratedCaptures } from "./compared-captures.js";
import { hasNfpcapd, hasTshark } from "./peers.js";

// npm run agreement: compares every capture, writes docs/agreement.md where the real ones are at hand.
process.exitCode = await main();

async function main(): Promise<number> {
  if (!hasTshark || !hasNfpcapd) {
    process.stderr.write("agreement: needs tshark and nfdump: apt-get install tshark nfdump\n");
    return 2;
  }
  const rows = await compareAll();
  const unexplained = rows.flatMap(({ name, tshark, nfpcapd }) =>
    [tshark.endless, tshark.timed, nfpcapd].flatMap((agreement) =>
      agreement.unexplained.map((line) => `${name}: ${line}\n`),
    ),
  );
  process.stdout.write(unexplained.join(""));
  if (existsSync(capturesFolder)) writeFileSync(agreementPagePath, agreementPage(rows));
  else process.stderr.write(`no captures in ${capturesFolder}: only generated ones were compared\n`);
  process.stdout.write(`${rows.length} captures compared, ${unexplained.length} differences unexplained\n`);
  return unexplained.length === 0 ? 0 : 1;
}

async function compareAll(): Promise<ComparedRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "picket-agreement-"));
  const rows: ComparedRow[] = [];
  try {
    for (const { name, path } of [...writeGeneratedCaptures(folder), ...realCaptures()]) {
      process.stderr.write(`agreement: ${name}\n`);
      rows.push({ name, tshark: await agreeWithTshark(path), nfpcapd: await agreeWithNfpcapd(path) });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return rows;
}
