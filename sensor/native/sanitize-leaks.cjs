// Run by sanitize.mjs: every way to open and to fail, often; what is not freed is reported at the end.
const { readFileSync } = require("node:fs");
const ring = require("../native/build/Release/ring.node");

const rounds = 200;
const options = {
  interface: "lo",
  filter: "udp port 9",
  snapLengthBytes: 256,
  blockBytes: 65536,
  blockCount: 4,
  retireMs: 20,
  promiscuous: true,
  hardwareTimestamps: false,
  fanoutGroup: -1,
};
const wrong = [
  { interface: "pknone" },
  { interface: "lo\0" },
  { interface: 7 },
  { filter: "no such filter" },
  { filter: undefined },
  { blockBytes: 1000 },
  { blockCount: 0 },
  { blockBytes: 0xffffffff, blockCount: 0xffffffff },
  { snapLengthBytes: 0 },
  { snapLengthBytes: 65536 },
  { retireMs: 60001 },
  { fanoutGroup: 65536 },
];

for (const file of ["libasan", process.env.PICKET_SANITIZED_RING])
  if (!readFileSync("/proc/self/maps", "utf8").includes(file)) throw new Error(`${file} is not loaded`);
for (let round = 0; round < rounds; round++) {
  const opened = attempt(options);
  for (const change of wrong) if (attempt({ ...options, ...change }) !== undefined) throw new Error(change);
  for (const value of [undefined, null, 7, {}, []]) refuse(() => ring.close(value));
  for (const name of ["lo", "any", "", "x".repeat(1 << 16), "pknone"]) ring.interfaceFacts(name);
  if (opened === undefined) continue;
  ring.statistics(opened);
  ring.close(opened);
  ring.close(opened);
  ring.statistics(opened);
}

/** Without CAP_NET_RAW no ring opens; then the ways to fail are all there is. */
function attempt(given) {
  try {
    return ring.open(given, nothing, nothing);
  } catch (error) {
    if (error.code === undefined) throw error;
    return undefined;
  }
}

function refuse(call) {
  try {
    call();
  } catch {
    return;
  }
  throw new Error("took what is no ring");
}

function nothing() {}
