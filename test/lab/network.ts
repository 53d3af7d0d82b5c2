import {
  attackers,
  controlAddress,
  hosts,
  prefixBits,
  silencedNetwork,
  type LabHost,
} from "./address-plan.js";
import { runCommand } from "./command.js";

const bridgeNamespace = "bridge";

/**
 * Builds the network: a bridge in a namespace of its own, a namespace for each
 * host and attacker, and an interface `eth0` in each of them and here (control).
 */
export async function buildNetwork(): Promise<void> {
  await run(`ip netns add ${bridgeNamespace}`);
  await inBridge("ip link add br0 type bridge forward_delay 0 stp_state 0");
  await inBridge("ip link set br0 up");
  await plug("control", [controlAddress], undefined);
  for (const host of hosts) await addHost(host);
  for (const { namespace, addresses } of attackers) await addNamespace(namespace, addresses);
  for (const { namespace } of attackers) await tellNeighbours(namespace);
}

/** Removes every namespace; interfaces go with them. */
export async function removeNetwork(): Promise<void> {
  const names = [...hosts, ...attackers].map(({ namespace }) => namespace);
  for (const name of [...names, bridgeNamespace]) await run(`ip netns del ${name}`);
}

async function addHost({ namespace, address, mac }: LabHost): Promise<void> {
  await addNamespace(namespace, [address]);
  await run(`ip -n ${namespace} link set eth0 address ${mac}`);
  await run(`ip -n ${namespace} route add blackhole ${silencedNetwork}`);
}

/** Hosts do not answer a silenced source's ARP either, so attackers know them beforehand. */
async function tellNeighbours(namespace: string): Promise<void> {
  for (const { address, mac } of hosts)
    await run(`ip -n ${namespace} neigh add ${address} lladdr ${mac} dev eth0 nud permanent`);
}

async function addNamespace(name: string, addresses: readonly string[]): Promise<void> {
  await run(`ip netns add ${name}`);
  await plug(name, addresses, name);
}

/** A cable from `eth0` of the namespace (undefined: here) to the bridge. */
async function plug(
  name: string,
  addresses: readonly string[],
  namespace: string | undefined,
): Promise<void> {
  const ip = namespace === undefined ? "ip" : `ip -n ${namespace}`;
  const port = `to-${name}`;
  await run(`${ip} link add name eth0 type veth peer name ${port} netns ${bridgeNamespace}`);
  await inBridge(`ip link set ${port} master br0 up`);
  await run(`${ip} link set lo up`);
  await run(`${ip} link set eth0 up`);
  for (const address of addresses) await run(`${ip} address add ${address}/${prefixBits} dev eth0`);
}

async function inBridge(line: string): Promise<void> {
  await run(`ip netns exec ${bridgeNamespace} ${line}`);
}

async function run(line: string): Promise<void> {
  await runCommand(line.split(" "));
}
