import { flowText, joinFlows, type MeasuredFlow } from "./measured-flow.js";

/** A known reason why two meters differ about a flow, and what tells it. */
export interface FlowReason<Peer extends MeasuredFlow> {
  readonly name: string;
  /** `ours` and `theirs` are the flows of one key that have no equal on the other side. */
  explains(ours: readonly MeasuredFlow[], theirs: readonly Peer[]): boolean;
}

/** How far two meters agree about one capture. */
export interface FlowAgreement {
  readonly ours: number;
  readonly theirs: number;
  readonly equal: number;
  /** Keys that differ, by reason. */
  readonly explained: ReadonlyMap<string, number>;
  /** Keys that differ for no known reason: the flows of both sides as text. */
  readonly unexplained: readonly string[];
}

/** Compares flow by flow; two are equal when key, packets, bytes, start and end are. */
export function compareFlows<Peer extends MeasuredFlow>(
  ours: readonly MeasuredFlow[],
  theirs: readonly Peer[],
  reasons: readonly FlowReason<Peer>[],
  unitUs: number,
): FlowAgreement {
  const ourRest = withoutEqual(ours, theirs, unitUs);
  const theirRest = withoutEqual(theirs, ours, unitUs);
  const explained = new Map<string, number>();
  const unexplained: string[] = [];
  for (const key of new Set([...ourRest, ...theirRest].map((flow) => flow.key))) {
    const [a, b] = [ourRest.filter((flow) => flow.key === key), theirRest.filter((flow) => flow.key === key)];
    const reason = reasons.find((each) => each.explains(a, b));
    if (reason === undefined) unexplained.push(...textOf("ours", a, unitUs), ...textOf("theirs", b, unitUs));
    else explained.set(reason.name, (explained.get(reason.name) ?? 0) + 1);
  }
  return {
    ours: ours.length,
    theirs: theirs.length,
    equal: ours.length - ourRest.length,
    explained,
    unexplained,
  };
}

/** The flows of `these` that have no equal in `others`, which is taken once only. */
function withoutEqual<T extends MeasuredFlow>(
  these: readonly T[],
  others: readonly MeasuredFlow[],
  unitUs: number,
): T[] {
  const counts = new Map<string, number>();
  for (const flow of others) {
    const text = flowText(flow, unitUs);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return these.filter((flow) => {
    const text = flowText(flow, unitUs);
    const left = counts.get(text) ?? 0;
    counts.set(text, left - 1);
    return left <= 0;
  });
}

function textOf(whose: string, flows: readonly MeasuredFlow[], unitUs: number): string[] {
  return flows.map((flow) => `${whose}: ${flowText(flow, unitUs)}`);
}

/** True when both say the same of the packets together, however they cut them. */
export function areEqualTogether(
  ours: readonly MeasuredFlow[],
  theirs: readonly MeasuredFlow[],
  unitUs: number,
): boolean {
  const textsOf = (flows: readonly MeasuredFlow[]): string =>
    [...joinFlows(flows).values()].map((flow) => flowText(flow, unitUs)).join();
  return textsOf(ours) === textsOf(theirs);
}
