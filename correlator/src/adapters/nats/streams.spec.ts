import type { StreamConfig } from "@nats-io/jetstream";
import { describe, expect, it } from "vitest";
import { defaultStreamSettings, streamFault, streamPlans } from "./streams.js";

const plans = streamPlans(defaultStreamSettings);
const logs = plans.filter(({ name }) => !name.startsWith("KV_"));

/** The plan as a server shows it: every field is there. */
function found(plan: (typeof plans)[number], fields: Partial<StreamConfig> = {}): StreamConfig {
  const unset = { max_msgs: -1, max_msgs_per_subject: -1, max_age: 0, duplicate_window: 120e9 };
  return { ...unset, ...plan, ...fields } as StreamConfig;
}

describe("a stream that exists", () => {
  it.each(plans.map((plan) => [plan.name, plan] as const))("is taken as planned: %s", (_name, plan) => {
    expect(streamFault(found(plan), plan)).toBeUndefined();
  });

  const faults: [string, Partial<StreamConfig>, RegExp][] = [
    ["is in memory", { storage: "memory" }, /in memory: recreate it with file storage/],
    ["has no limit of bytes", { max_bytes: -1 }, /no limit of bytes: set max_bytes/],
    ["may be purged", { deny_purge: false }, /may be purged: recreate it with deny_purge/],
    ["lets messages be deleted", { deny_delete: false }, /deleted: recreate it with deny_delete/],
    ["forgets message ids in 119 s", { duplicate_window: 119e9 }, /set duplicate_window to 120 s or more/],
    ["keeps no message that was read", { retention: "workqueue" }, /limits retention/],
    ["drops by age after an hour", { max_age: 3600e9 }, /raise max_age/],
    ["drops by count", { max_msgs: 1000 }, /remove max_msgs/],
    ["takes another subject only", { subjects: ["other"] }, /add the subject/],
  ];
  for (const plan of logs)
    it.each(faults)(`is refused when ${plan.name} %s`, (_name, fields, message) => {
      expect(streamFault(found(plan, fields), plan)).toMatch(message);
    });
});
