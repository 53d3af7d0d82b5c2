import { withSensor } from "./sensor-list.js";

interface List {
  readonly sensors: readonly number[];
  /** Numbers of the lists with one more sensor, by that sensor. */
  readonly joined: Map<number, number>;
}

/** Lists of sensors by number: thousands of contacts were seen by the same few. */
export class SensorLists {
  private readonly lists: List[] = [{ sensors: [], joined: new Map() }];
  private readonly numbers = new Map<string, number>();

  /** Number of the list with one more sensor; list 0 is empty. */
  with(number: number, sensor: number): number {
    const { sensors, joined } = this.lists[number];
    // A small integer for every hash, so that the lookup boxes none.
    const known = joined.get(sensor | 0);
    if (known !== undefined) return known;
    const next = this.numberOf(withSensor(sensors, sensor));
    joined.set(sensor | 0, next);
    return next;
  }

  sensors(number: number): readonly number[] {
    return this.lists[number].sensors;
  }

  private numberOf(sensors: readonly number[]): number {
    const text = sensors.join();
    let number = this.numbers.get(text);
    if (number === undefined)
      this.numbers.set(text, (number = this.lists.push({ sensors, joined: new Map() }) - 1));
    return number;
  }
}
