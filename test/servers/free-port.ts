import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

/**
 * A TCP port on loopback that nobody listened on a moment ago. Someone else may
 * take it before it is used, so a caller must be ready to ask again.
 */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
