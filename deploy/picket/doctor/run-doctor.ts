import { checkApi, apiClientOf } from "./api-checks.js";
import { skipped, type Check, type OnCheck } from "./check.js";
import type { DoctorConfig } from "./doctor-config.js";
import { runDrill } from "./drill.js";
import { checkNats, connectNats } from "./nats-checks.js";
import { checkRedis } from "./redis-checks.js";

/**
 * Looks at every part of a deployment and sends a drill through all of it.
 * Resolves to false when a check failed. Throws PicketError for settings that
 * cannot be used.
 * @param onCheck gets each check as soon as it is known
 */
export async function runDoctor(config: DoctorConfig, onCheck: OnCheck): Promise<boolean> {
  let isHealthy = true;
  const tell = (check: Check): void => {
    if (check.status === "failed") isHealthy = false;
    onCheck(check);
  };
  const client = apiClientOf(config);
  const link = await connectNats(config, tell);
  try {
    if (link !== undefined) await checkNats(link.current(), tell);
    await checkRedis(config.redis, tell);
    const isServed = await checkApi(client, tell);
    if (!config.drill) tell(skipped("drill", "not asked for"));
    else if (link === undefined) tell(skipped("drill", "there is no way to send it without nats"));
    else await runDrill(config, link, isServed ? client : undefined, tell);
  } finally {
    client.close();
    await link?.stop();
  }
  return isHealthy;
}
