/** Most sensors named with one contact or fact. */
const sensorsMax = 4;
const aloneMax = 65_536;
const alone = new Map<number, readonly number[]>();

/** A list of one sensor, the same object for all that have it. */
export function onlySensor(sensor: number): readonly number[] {
  let list = alone.get(sensor);
  if (list !== undefined) return list;
  list = [sensor];
  if (alone.size < aloneMax) alone.set(sensor, list);
  return list;
}

/** The list with one more sensor: the smallest four, in order, whatever order they came in. */
export function withSensor(sensors: readonly number[], sensor: number): readonly number[] {
  if (sensors.includes(sensor)) return sensors;
  return [...sensors, sensor].sort((a, b) => a - b).slice(0, sensorsMax);
}
