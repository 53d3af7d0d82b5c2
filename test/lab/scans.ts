import type { LabSource } from "./address-plan.js";
import { runCommand } from "./command.js";

/** Hosts and ports that one source probes. */
export interface ScanTargets {
  readonly hosts: readonly string[];
  readonly ports: readonly number[];
}

/** A SYN scan by nmap, one probe for each host and port. */
export async function nmapScan(
  source: LabSource,
  { hosts, ports }: ScanTargets,
  extra: readonly string[] = [],
): Promise<void> {
  const how = `nmap -sS -Pn -n --max-retries 0 -e eth0 -S ${source.address} -p ${ports.join(",")}`;
  await runCommand([...how.split(" "), ...extra, ...hosts], { namespace: source.namespace });
}

/** A SYN by hping3 to each host and port, one after the other. */
export async function hpingScan(source: LabSource, { hosts, ports }: ScanTargets): Promise<void> {
  for (const host of hosts)
    for (const port of ports)
      // Exit code 1: no answer came in time, which is the sensors' business.
      await runCommand(`hping3 -q -n -S -c 1 -p ${port} -a ${source.address} -I eth0 ${host}`.split(" "), {
        namespace: source.namespace,
        allowedCodes: [1],
      });
}
