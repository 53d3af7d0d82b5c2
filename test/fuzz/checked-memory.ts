/** Memory that throws at every read outside its range: slow, for some of the frames. */
export class CheckedView extends DataView<ArrayBuffer> {
  private start = 0;
  private end = 0;

  /** From now on only `[start, end)` may be read. */
  allow(start: number, end: number): void {
    this.start = start;
    this.end = end;
  }

  override getUint8(position: number): number {
    this.check(position, 1);
    return super.getUint8(position);
  }

  override getUint16(position: number, isLittleEndian?: boolean): number {
    this.check(position, 2);
    return super.getUint16(position, isLittleEndian);
  }

  override getUint32(position: number, isLittleEndian?: boolean): number {
    this.check(position, 4);
    return super.getUint32(position, isLittleEndian);
  }

  override getInt32(position: number, isLittleEndian?: boolean): number {
    this.check(position, 4);
    return super.getInt32(position, isLittleEndian);
  }

  private check(position: number, length: number): void {
    if (position < this.start || position + length > this.end) throw outOfRange(position, length);
  }
}

/** The same for single bytes, and nothing may be written. */
export function checkedBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get: (target, key) => {
      if (key === "length") return target.length;
      const position = Number(String(key));
      if (!(position >= start && position < end)) throw outOfRange(position, 1);
      return target[position];
    },
    set: () => {
      throw new RangeError("write to the frame");
    },
  });
}

function outOfRange(position: number, length: number): RangeError {
  return new RangeError(`read of ${length} bytes at ${position} outside the frame`);
}
