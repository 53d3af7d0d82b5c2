// What this machine must have besides Node, and how to tell whether it does.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Folders where servers and network tools live even when PATH leaves them out. */
const systemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/** True when a program of this name can be run. */
export function hasProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...systemFolders];
  return folders.some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const program = (aptPackage, name = aptPackage) => ({ aptPackage, isPresent: () => hasProgram(name) });

/** To build the capture backends: the ring and npm cap. */
export const captureBuild = [
  program("g++"),
  program("make"),
  program("python3"),
  {
    aptPackage: "libpcap-dev",
    isPresent: () => existsSync("/usr/include/pcap.h") || existsSync("/usr/include/pcap/pcap.h"),
  },
];

/** Servers that the integration tests start for themselves. */
export const testServers = [program("nats-server"), program("redis-server")];

/** Tools of the lab, the live tests and the comparisons. */
export const testTools = [
  program("iproute2", "ip"),
  program("nmap"),
  program("hping3"),
  program("tcpdump"),
  program("tcpreplay"),
  program("curl"),
  program("traceroute"),
  program("nfdump"),
];

/** Independent meters; the large one is not needed by the tests. */
export const agreementPeers = [program("nfdump"), program("tshark")];

/** Packages of the list that are missing here. */
export function missingPackages(prerequisites) {
  return prerequisites.filter((each) => !each.isPresent()).map((each) => each.aptPackage);
}
