import { connect } from "node:net";
import type { ProbeTimes, SmallScan } from "./probe-times.js";

/**
 * Program of an attacker: `prober.js PAUSE_MS SCANS` runs the scans (JSON) one
 * after the other with a pause between two, and prints the times of each scan's
 * probes as a line of JSON.
 */
const [pauseText, scansText] = process.argv.slice(2);

function probe(localAddress: string, host: string, port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, localAddress });
    const done = (): void => {
      socket.destroy();
      resolve();
    };
    socket.setTimeout(1000, done);
    socket.on("error", done);
    socket.on("connect", done);
  });
}

async function scan({ source, host, ports }: SmallScan): Promise<ProbeTimes> {
  const sentMs: number[] = [];
  for (const port of ports) {
    sentMs.push(Date.now());
    await probe(source, host, port);
  }
  return { source, sentMs };
}

for (const each of JSON.parse(scansText) as SmallScan[]) {
  process.stdout.write(`${JSON.stringify(await scan(each))}\n`);
  await new Promise((resolve) => setTimeout(resolve, Number(pauseText)));
}
