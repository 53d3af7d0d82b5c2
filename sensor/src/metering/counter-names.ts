/** Adds the numbers of a counters object, each as `prefix_name` in snake case. */
export function addCounters(to: Record<string, number>, prefix: string, from: object): void {
  for (const [name, value] of Object.entries(from)) to[`${prefix}_${snakeCase(name)}`] = value;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
