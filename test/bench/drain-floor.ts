import { NatsFlowSource } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";

/**
 * What a drain cannot be faster than: `node drain-floor.js nats://…` pulls,
 * decodes and acknowledges every batch and does nothing with it.
 */
const link = new NatsLink({ urls: process.argv.slice(2) }, "drain floor");
const source = new NatsFlowSource(link, { accounts: new MemorySensorRegistry() });
process.once("SIGTERM", () => void source.stop().then(() => link.stop()));
link.start();
await source.run((deliveries) => {
  for (const delivery of deliveries) delivery.acknowledge();
  return Promise.resolve();
});
