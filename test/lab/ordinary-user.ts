import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { dnsPort, httpPort, sshPort } from "./service-ports.js";

/**
 * Program of a user: `ordinary-user.js SEED DURATION_MS SERVER…`. Web pages by
 * curl, name queries, sessions of some seconds, and now and then a service that
 * is not there. Prints how many exchanges of each kind went well.
 */
const [seedText, durationText, ...servers] = process.argv.slice(2);
const random = new SeededRandom(Number(seedText));
const endMs = performance.now() + Number(durationText);
const succeeded = { web: 0, name: 0, session: 0, absent: 0 };

function web(server: string): Promise<boolean> {
  return new Promise((resolve) =>
    execFile("curl", ["-s", "-m", "5", `http://${server}:${httpPort}/`], (error) => resolve(error === null)),
  );
}

function name(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const settle = (isAnswered: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(isAnswered);
    };
    const timer = setTimeout(() => settle(false), 2000);
    socket.once("message", () => settle(true));
    socket.send(Buffer.alloc(40, random.below(256)), dnsPort, server);
  });
}

/** Some lines back and forth, one every 200 ms. */
function session(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    let left = random.between(5, 15);
    const socket = connect(sshPort, server);
    socket.on("data", () => {
      if (left-- > 0) setTimeout(() => socket.write("a line that is typed\n"), 200);
      else socket.end();
    });
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(left < 0));
  });
}

/** A port that nobody answers at, another one for each user: somebody mistyped. */
function absent(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(8080 + Number(seedText), server);
    socket.on("error", () => resolve(true));
    socket.on("connect", () => {
      socket.destroy();
      resolve(false);
    });
  });
}

const kinds = { web, name, session } as const;

async function keepBusy(kind: keyof typeof kinds, pauseMeanMs: number): Promise<void> {
  while (performance.now() < endMs) {
    if (await kinds[kind](random.pick(servers))) succeeded[kind]++;
    await new Promise((resolve) => setTimeout(resolve, random.exponential(pauseMeanMs)));
  }
}

if (await absent(servers[Number(seedText) % servers.length])) succeeded.absent++;
await Promise.all([keepBusy("web", 400), keepBusy("name", 150), keepBusy("session", 500)]);
process.stdout.write(`${JSON.stringify(succeeded)}\n`);
