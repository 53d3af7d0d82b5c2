/** Ports as a table of bits, made once for each list: a policy's list lives as long as the policy. */
const tables = new WeakMap<readonly number[], Uint8Array>();

/** 1 at each port of the list, 0 elsewhere; 65,536 elements. */
export function portTable(ports: readonly number[]): Uint8Array {
  let table = tables.get(ports);
  if (table === undefined) {
    table = new Uint8Array(65_536);
    for (const port of ports) table[port] = 1;
    tables.set(ports, table);
  }
  return table;
}

/** The table of one setting, found by a comparison: for what is asked about every flow. */
export class PolicyPorts {
  private list: readonly number[] = [];
  private table = portTable(this.list);

  /** True when the port is in the policy's list, which is nearly always the list of the call before. */
  has(list: readonly number[], port: number): boolean {
    if (list !== this.list) {
      this.list = list;
      this.table = portTable(list);
    }
    return this.table[port] === 1;
  }
}
