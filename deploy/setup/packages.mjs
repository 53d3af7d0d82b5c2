// Installs missing Debian packages, or says which ones and how.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { missingPackages, hasProgram } from "./prerequisites.mjs";
import { asRoot } from "./privilege.mjs";

const installer = fileURLToPath(new URL("install-packages.sh", import.meta.url));

/**
 * Installs what is missing of the prerequisites.
 * @returns undefined when everything is there, else one line that says what is
 * missing and the command that installs it
 */
export function installMissing(prerequisites) {
  const missing = missingPackages(prerequisites);
  if (missing.length === 0) return undefined;
  const advice = `missing ${missing.join(", ")}: run: sudo apt-get install -y ${missing.join(" ")}`;
  if (!hasProgram("apt-get"))
    return `missing ${missing.join(", ")} (Debian names): install them with your package manager`;
  const command = asRoot([installer, ...missing]);
  if (command === undefined) return advice;
  process.stderr.write(`setup: installing ${missing.join(", ")}\n`);
  const result = spawnSync(command[0], command.slice(1), { stdio: ["ignore", "ignore", "inherit"] });
  return result.status === 0 && missingPackages(prerequisites).length === 0 ? undefined : advice;
}
