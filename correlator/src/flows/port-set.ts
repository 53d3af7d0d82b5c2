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
