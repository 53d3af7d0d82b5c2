import { Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { FlowRow } from "../flows/flow-row.js";
import type { Finding } from "../incidents/incident.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort, parseServiceKey, serviceKey } from "../windows/contact-key.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { addFlowRate, flowsBySecond, rateMembersMax, sampledFlows, sourcesOf } from "./flow-rate.js";

const tcp = 6;
const sliceMs = 10_000;
const slicesBefore = 5;
/** What is counted: connections that were never completed, refused ones, completed ones. */
const isOpen = "o";
const isRefused = "r";
const isCompleted = "c";
/** One completed connection in so many is counted, by its source port. */
const completedSampling = 128;
/** Refused connections may be a program that cannot wait: this many times as many. */
const refusedFactor = 5;
/** CUSUM: what is usual of the excess a second, the alarm level, and how long it must hold. */
const drift = 0.35;
const alarmLevel = 1.05;
const secondsMin = 3;
/** Seconds of the limiting rate that are a flood however short. */
const secondsCertain = 30;

const facts: FactKind = {
  id: 10,
  name: "syn_rate",
  sliceMs,
  slicesBefore,
  hotMembersMin: 8,
  membersMax: rateMembersMax,
};

/**
 * SYN flood of one service by its rate (T1498.001), whoever sends it: one source
 * or many, left alone or answered with a SYN-ACK that nobody acknowledges, or
 * packets such as ACK that belong to none. The excess of uncompleted over
 * completed connections is folded over seconds (CUSUM); a scan touches a
 * service once or twice and never comes near.
 * Cost: a quarter of the uncompleted connections and one completed one in 128
 * is a fact; an idle host has none.
 */
export const synFloodRate: FactDetector = {
  kinds: ["syn_flood"],
  facts,
  protocols: [tcp],
  observeFlow,
  detect,
};

function observeFlow(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  if (columns.protocol[row] !== tcp) return;
  const kind = columns.recordKind[row];
  if (kind !== RecordKind.first && kind !== RecordKind.only) return;
  const outcome = columns.outcome[row];
  const isAnswered = outcome === Outcome.answered;
  if (isAnswered && (columns.sourcePort[row] >>> 1) % completedSampling !== 45) return;
  if (outcome === Outcome.unknown || outcome === Outcome.unreachable) return;
  if (addresses.isGroup[columns.destinationIndex[row]] === 1) return;
  const subject = serviceKey(flow.destination(), columns.destinationPort[row], tcp);
  if (isAnswered) return addCompleted(flow, add, subject);
  addFlowRate(flow, add, facts, subject, outcome === Outcome.refused ? isRefused : isOpen);
}

/** A completed connection stands for its sample: told apart by its source port and second. */
function addCompleted(flow: FlowRow, add: AddFact, subject: string): void {
  const position = flow.columns.sourcePort[flow.row] >>> 7;
  const second = Math.floor((flow.timeMs % sliceMs) / 1000);
  const member = isCompleted + String.fromCharCode(second, position >>> 8, position & 0xff);
  add(facts, subject, member, flow.timeMs);
}

/** Successive seconds of alarm. */
interface Run {
  readonly from: number;
  readonly to: number;
  /** Uncompleted connections within it. */
  readonly flows: number;
  /** Greatest level. */
  readonly level: number;
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const limit = evaluation.policy.burst.synFloodPerSecondMin;
  const open = flowsBySecond(windows, isOpen);
  const refused = flowsBySecond(windows, isRefused);
  const counts = open.map((count, second) => Math.max(count, (count + refused[second]) / refusedFactor));
  const completed = flowsBySecond(windows, isCompleted, completedSampling);
  const run = floodRun(counts, completed, limit, slicesBefore * (sliceMs / 1000));
  if (run === undefined) return undefined;
  const { destination, port, protocol } = parseServiceKey(window.subject);
  const members = windows.flatMap((each) => each.members).filter(({ member }) => member[0] !== isCompleted);
  const samples = sampledFlows(members);
  const { sources, count } = sourcesOf(samples, run.flows);
  const rate = run.flows / (run.to - run.from + 1);
  const isOneInside = count === 1 && samples.every(({ source }) => evaluation.isInside(source));
  const [target, service] = [formatAddressKey(destination), formatPort(port, protocol)];
  return factFinding(
    {
      kind: "syn_flood",
      primaryKey: `${target} ${service}`,
      severity: isOneInside ? "medium" : "high",
      factors: [
        {
          name: "unanswered_syn_per_second",
          value: Math.round(rate),
          threshold: limit,
          weight: 0.6 + marginWeight(rate, limit, 0.05, 0.2),
        },
        { name: "syn_cusum", value: Math.round(run.level * 100) / 100, threshold: alarmLevel, weight: 0.1 },
      ],
      sources,
      sourceCount: count,
      targets: [target],
      ports: [service],
      contactCount: Math.round(run.flows),
      members,
    },
    window,
    evaluation,
  );
}

/** The longest run of alarmed seconds that reaches `fromSecond` and is fast or large enough. */
export function floodRun(
  counts: Float64Array,
  completed: Float64Array,
  limit: number,
  fromSecond: number,
): Run | undefined {
  const usual = Math.max(1, completed.reduce((sum, count) => sum + count, 0) / completed.length);
  let level = 0;
  let run: Run | undefined;
  let best: Run | undefined;
  for (let second = 0; second < counts.length; second++) {
    level = Math.max(0, level + (counts[second] - completed[second]) / usual - drift);
    const isAlarmed = level > alarmLevel && counts[second] >= limit / 2;
    run = isAlarmed ? extend(run, second, counts[second], level) : undefined;
    if (run === undefined || run.to < fromSecond || !isFlood(run, limit)) continue;
    if (best === undefined || run.flows > best.flows) best = run;
  }
  return best;
}

function isFlood({ from, to, flows }: Run, limit: number): boolean {
  const seconds = to - from + 1;
  return (seconds >= secondsMin && flows >= limit * seconds) || flows >= limit * secondsCertain;
}

function extend(run: Run | undefined, second: number, count: number, level: number): Run {
  if (run === undefined) return { from: second, to: second, flows: count, level };
  return { from: run.from, to: second, flows: run.flows + count, level: Math.max(run.level, level) };
}
