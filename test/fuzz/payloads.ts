/** First bytes of what flows carry, for frames to be made of. */
const text = (line: string): number[] => [...Buffer.from(line)];

const host = [3, ...text("www"), 7, ...text("example"), 3, ...text("com"), 0];
const question = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...host, 0, 1, 0, 1];

/** A ClientHello that names a server. */
function clientHello(name: string): number[] {
  const server = text(name);
  const list = [0, ...word(server.length), ...server];
  const extension = [0, 0, ...word(list.length + 2), ...word(list.length), ...list];
  const body = [
    3,
    3,
    ...Array<number>(32).fill(7),
    0,
    0,
    2,
    0x13,
    1,
    1,
    0,
    ...word(extension.length),
    ...extension,
  ];
  const handshake = [1, 0, ...word(body.length), ...body];
  return [0x16, 3, 1, ...word(handshake.length), ...handshake];
}

function word(value: number): number[] {
  return [value >> 8, value & 0xff];
}

/** Payloads of every application that is told apart, and of none. */
export const payloads: readonly (readonly number[])[] = [
  [],
  [0],
  question,
  [...word(question.length), ...question],
  clientHello("www.example.com"),
  clientHello("a".repeat(253)),
  text("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"),
  text("HTTP/1.1 200 OK\r\n\r\n"),
  text("SSH-2.0-OpenSSH_9.2\r\n"),
  text('{"id":1,"method":"mining.subscribe","params":["miner/1.0"]}\n'),
  Array<number>(1400).fill(0x41),
];
