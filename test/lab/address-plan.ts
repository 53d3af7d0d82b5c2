/**
 * Addresses of the lab: one flat network, 10.88.0.0/16, on one bridge. Control
 * runs the servers, correlators and the api; hosts run a sensor each; attackers
 * hold several source addresses each.
 */
export const prefixBits = 16;
export const controlAddress = "10.88.0.1";

export interface LabHost {
  readonly namespace: string;
  /** Link-layer address of its interface. */
  readonly mac: string;
  /** Name of the sensor that runs there. */
  readonly sensor: string;
  readonly address: string;
}

export interface LabAttacker {
  readonly namespace: string;
  readonly addresses: readonly string[];
}

/** An address and where it can be used. */
export interface LabSource {
  readonly namespace: string;
  readonly address: string;
}

export const hosts: readonly LabHost[] = Array.from({ length: 8 }, (_, index) => ({
  namespace: `host-${index}`,
  mac: `02:00:0a:58:01:${(10 + index).toString(16).padStart(2, "0")}`,
  sensor: `lab-${index}`,
  address: `10.88.1.${10 + index}`,
}));

/** Ten sources that share one sweep, in three namespaces. */
export const sweepSources: readonly LabSource[] = Array.from({ length: 10 }, (_, index) => {
  const attacker = index < 4 ? 0 : index < 7 ? 1 : 2;
  return { namespace: `attacker-${attacker}`, address: `10.88.${20 + attacker}.${11 + index}` };
});

/** One source that touches each host twice. */
export const slowSource: LabSource = { namespace: "attacker-0", address: "10.88.20.101" };
/** One source whose scan a correlator does not survive. */
export const loudSource: LabSource = { namespace: "attacker-1", address: "10.88.21.101" };
/** Sources of many small scans that are refused, to measure the delay. */
export const refusedSources: readonly LabSource[] = Array.from({ length: 30 }, (_, index) => ({
  namespace: "attacker-2",
  address: `10.88.30.${1 + index}`,
}));
/** Sources that are dealt the ports of one host, each in a network (/24) of its own. */
export const dealtScanSources: readonly LabSource[] = Array.from({ length: 6 }, (_, index) => ({
  namespace: `attacker-${index % 2}`,
  address: `10.88.${40 + index}.1`,
}));
/** Hosts never answer these: they have no way back to them. */
export const silencedNetwork = "10.88.31.0/24";
/** Sources of small scans that get no answer, to measure the delay after an expiry. */
export const silencedSources: readonly LabSource[] = Array.from({ length: 16 }, (_, index) => ({
  namespace: "attacker-2",
  address: `10.88.31.${1 + index}`,
}));

/** They trace routes and hear nothing. */
export const routeTracers: readonly LabSource[] = Array.from({ length: 3 }, (_, index) => ({
  namespace: "attacker-2",
  address: `10.88.31.${201 + index}`,
}));

const sources = [
  ...sweepSources,
  slowSource,
  loudSource,
  ...dealtScanSources,
  ...refusedSources,
  ...silencedSources,
  ...routeTracers,
];

export const attackers: readonly LabAttacker[] = ["attacker-0", "attacker-1", "attacker-2"].map(
  (namespace) => ({
    namespace,
    addresses: sources.filter((source) => source.namespace === namespace).map(({ address }) => address),
  }),
);

/** Hosts with services, and hosts whose users use them. */
export const servers = hosts.slice(0, 4);
export const clients = hosts.slice(4);
