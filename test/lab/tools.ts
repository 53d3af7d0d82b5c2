import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs of the lab by the Debian package that holds them. */
const packageOfTool = {
  nmap: "nmap",
  hping3: "hping3",
  curl: "curl",
  "nats-server": "nats-server",
  "redis-server": "redis-server",
};

/** Debian packages of the tools that are not installed. */
export function missingTools(): string[] {
  return Object.entries(packageOfTool)
    .filter(([tool]) => findTool(tool) === undefined)
    .map(([, aptPackage]) => aptPackage);
}

/** Path of a program; the system's folders count even when PATH leaves them out. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
