/** Injection tokens of the correlator's process; what each one is stands in correlator.module.ts. */
export const CONFIG = Symbol("config");
export const LOG = Symbol("log");
export const LIMITED_LOG = Symbol("limited log");
export const FAILURES = Symbol("failures");
export const NATS_LINK = Symbol("nats link");
export const REDIS_CONNECTION = Symbol("redis connection");
export const FLOW_SOURCE = Symbol("flow source");
export const WINDOW_STORE = Symbol("window store");
export const FINDING_BOARD = Symbol("finding board");
export const LEASES = Symbol("leases");
export const INCIDENT_STORE = Symbol("incident store");
export const SENSOR_REGISTRY = Symbol("sensor registry");
export const POLICY_STORE = Symbol("policy store");
export const STATUS_LISTENER = Symbol("status listener");
export const POLICY_RESPONDER = Symbol("policy responder");
export const CORRELATOR = Symbol("correlator");
