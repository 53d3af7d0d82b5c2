import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs of the lab by the Debian package that holds them. */
const packageOfTool = {
  nmap: "nmap",
  hping3: "hping3",
  curl: "curl",
  traceroute: "traceroute",
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
  return searchPath()
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** PATH with the folders of the system's own programs. */
export function searchPath(): string {
  return [process.env.PATH ?? "", "/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].join(
    delimiter,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
