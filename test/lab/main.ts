import { isIsolated, runIsolated, unusableReason } from "./isolation.js";
import { runLab } from "./run-lab.js";
import { missingTools } from "./tools.js";

/**
 * The lab end to end. Outside it checks what this machine can do and starts
 * itself again in namespaces of its own; inside it runs the checks (arguments
 * name some of them: `main.js shared-sweep`). Exit code 0
 * when every check holds or the lab cannot run here, 1 when a check failed, 2
 * when a tool is missing.
 */
async function main(): Promise<number> {
  if (isIsolated()) return runLab(process.argv.slice(2));
  const reason = unusableReason();
  if (reason !== undefined) {
    process.stdout.write(`lab skipped: ${reason}\n`);
    return 0;
  }
  const missing = missingTools();
  if (missing.length > 0) {
    process.stderr.write(`picket: the lab needs more tools: apt-get install ${missing.join(" ")}\n`);
    return 2;
  }
  return runIsolated();
}

// What a check had begun when the lab was told to stop is not waited for.
process.exit(await main());
