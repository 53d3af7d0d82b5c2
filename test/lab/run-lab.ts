import { checkBenign } from "./checks/benign.js";
import { checkDelay } from "./checks/delay.js";
import { checkEachHostAlone } from "./checks/each-host-alone.js";
import { checkCleanEnd, checkQuietDaemons } from "./checks/daemons.js";
import { checkKilledCorrelator } from "./checks/killed-correlator.js";
import { checkReadiness } from "./checks/readiness.js";
import { checkSharedSweep } from "./checks/shared-sweep.js";
import { checkSlowSource } from "./checks/slow-source.js";
import { Lab } from "./lab.js";
import { Report } from "./report.js";

const logLinesShown = 15;

/** Builds the lab, runs every check in order and takes everything down again; the exit code. */
export async function runLab(): Promise<number> {
  const lab = new Lab();
  const report = new Report();
  const stopped = stopRequest();
  let failure: string | undefined;
  try {
    failure = await Promise.race([runChecks(lab, report), stopped]);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  if (failure !== undefined) report.check(false, "run", failure);
  await lab.stop();
  if (failure === undefined) checkCleanEnd(lab, report);
  const code = report.finish();
  if (code !== 0) showLogs(lab);
  return code;
}

/** Resolves to nothing; what fails inside a check is reported there. */
async function runChecks(lab: Lab, report: Report): Promise<undefined> {
  await lab.start();
  await checkReadiness(lab, report);
  await checkBenign(lab, report);
  await checkSharedSweep(lab, report);
  await checkEachHostAlone(lab, report);
  await checkSlowSource(lab, report);
  await checkKilledCorrelator(lab, report);
  await checkDelay(lab, report);
  checkQuietDaemons(lab, report);
}

/** Asked to stop by a signal, or by the end of standard input. */
function stopRequest(): Promise<string> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve("interrupted"));
    process.once("SIGTERM", () => resolve("interrupted"));
    process.stdin.once("end", () => resolve("told to stop"));
    process.stdin.resume();
    process.stdin.unref();
  });
}

function showLogs(lab: Lab): void {
  for (const { name, end, log } of lab.daemons) {
    process.stdout.write(`-- ${name} (${end ?? "running"})\n`);
    for (const line of log.slice(-logLinesShown)) process.stdout.write(`   ${line.slice(0, 400)}\n`);
  }
}
