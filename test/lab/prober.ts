import { connect } from "node:net";
import type { ProbeTimes, SmallScan } from "./probe-times.js";
import { pass } from "./until.js";

/**
 * Program of an attacker: `prober.js PAUSE_MS SCANS` runs the scans (JSON) one
 * after the other with a pause between two, and prints the times of each scan's
 * probes as a line of JSON.
 */
const [pauseText, scansText] = process.argv.slice(2);
const probeEveryMs = 10;
/** Shorter than the kernel's first retransmission, so that a probe is one packet. */
const giveUpMs = 800;

function probe(localAddress: string, host: string, port: number): void {
  const socket = connect({ host, port, localAddress });
  const done = (): void => void socket.destroy();
  socket.setTimeout(giveUpMs, done);
  socket.on("error", done);
  socket.on("connect", done);
}

async function scan({ source, host, ports }: SmallScan): Promise<ProbeTimes> {
  const sentMs: number[] = [];
  for (const port of ports) {
    sentMs.push(Date.now());
    probe(source, host, port);
    await pass(probeEveryMs);
  }
  return { source, sentMs };
}

for (const each of JSON.parse(scansText) as SmallScan[]) {
  process.stdout.write(`${JSON.stringify(await scan(each))}\n`);
  await pass(Number(pauseText));
}
