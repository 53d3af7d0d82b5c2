import type { Subscription } from "@nats-io/transport-node";
import type { PolicyRevision } from "../../policy/policy.js";
import type { NatsLink } from "./nats-link.js";
import { encodeSensorSlice } from "./sensor-policy-codec.js";
import { correlatorsConsumer, policyRequestPrefix, sensorOfSubject } from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

/**
 * Answers sensors that ask for their slice of the policy; of several
 * correlators one answers. Silent until a policy is known: the sensor asks again.
 */
export class PolicyResponder {
  readonly counters = { requests: 0, requestsRefused: 0 };
  readonly #link: NatsLink;
  readonly #stop = new AbortController();
  #current: PolicyRevision | undefined;
  #subscription: Subscription | undefined;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  setPolicy(revision: PolicyRevision): void {
    this.#current = revision;
  }

  /** Subscribes as soon as there is a connection. */
  async start(): Promise<void> {
    const connection = await untilAborted(this.#link.ready(), this.#stop.signal);
    this.#subscription = connection?.subscribe(`${policyRequestPrefix}*`, {
      queue: correlatorsConsumer,
      callback: (error, message) => {
        if (error !== null || this.#current === undefined) return;
        this.counters.requests++;
        const sensor = sensorOfSubject(message.subject, policyRequestPrefix);
        if (sensor === undefined) this.counters.requestsRefused++;
        else message.respond(encodeSensorSlice(this.#current));
      },
    });
  }

  stop(): void {
    this.#stop.abort();
    if (this.#link.isConnected) this.#subscription?.unsubscribe();
  }
}
