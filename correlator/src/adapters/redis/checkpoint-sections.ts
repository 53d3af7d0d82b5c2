/** Kinds of sections, by their first byte. */
export const sectionKinds = ["failed", "answered", "services", "history"] as const;
export type SectionKind = (typeof sectionKinds)[number];

/** Fields of one kind and UTC day: names of up to 255 bytes, values of up to 65,535. */
export interface Section {
  readonly kind: SectionKind;
  /** Days since the Unix epoch. */
  readonly day: number;
  /** Whose contacts they are; empty for services and history. */
  readonly source: Buffer;
  /** Name, value, name, value and so on. */
  readonly fields: readonly Buffer[];
}

/** Bytes of a section: kind B, day I4, source s1, count of fields I4, then each name s1 and value s2. */
export function packSection({ kind, day, source, fields }: Section): Buffer {
  const size = fields.reduce((sum, field, index) => sum + field.length + 1 + (index & 1), 10 + source.length);
  const packed = Buffer.allocUnsafe(size);
  packed[0] = sectionKinds.indexOf(kind);
  packed.writeUInt32BE(day, 1);
  packed[5] = source.length;
  source.copy(packed, 6);
  let at = 6 + source.length;
  at = packed.writeUInt32BE(fields.length / 2, at);
  for (const [index, field] of fields.entries()) {
    at = (index & 1) === 0 ? packed.writeUInt8(field.length, at) : packed.writeUInt16BE(field.length, at);
    at += field.copy(packed, at);
  }
  return packed;
}

/** The sections of a piece; throws RangeError when it ends within one. */
export function* parseSections(piece: Buffer): Generator<Section> {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > piece.length) throw new RangeError("the piece ends within a section");
    return piece.subarray(at, (at += length));
  };
  while (at < piece.length) {
    const kind = sectionKinds[take(1)[0]];
    if (kind === undefined) throw new RangeError("the piece has a section of no known kind");
    const day = take(4).readUInt32BE();
    const source = take(take(1)[0]);
    const count = take(4).readUInt32BE();
    const fields: Buffer[] = [];
    for (let i = 0; i < count; i++) fields.push(take(take(1)[0]), take(take(2).readUInt16BE()));
    yield { kind, day, source, fields };
  }
}
