import { describe, expect, it } from "vitest";
import { compareFlows } from "./compare-flows.js";
import { addPackets, endText, flowKey, type MeasuredFlow, newFlow } from "./measured-flow.js";

const { key } = flowKey(17, endText("10.0.0.2", 53), endText("10.0.0.1", 4000));

function flow(change: Partial<MeasuredFlow> = {}): MeasuredFlow {
  const made = newFlow(key);
  addPackets(made, 0, 2, 100, 1000, 5000);
  return { ...made, ...change };
}

describe("two meters", () => {
  it("agree about a flow whichever end they call its initiator", () => {
    const turned = flowKey(17, endText("10.0.0.1", 4000), endText("10.0.0.2", 53));
    expect(turned).toEqual({ key, direction: 0 });
    expect(flowKey(17, endText("10.0.0.2", 53), endText("10.0.0.1", 4000)).direction).toBe(1);
  });

  it.each([
    ["a packet", { packets: [3, 0] }],
    ["a direction", { packets: [0, 2] }],
    ["a byte", { bytes: [101, 0] }],
    ["a microsecond of the start", { startUs: 1001 }],
    ["a microsecond of the end", { endUs: 4999 }],
    ["the key", { key: `${key}0` }],
  ] as [string, Partial<MeasuredFlow>][])("differ by %s", (_, change) => {
    const { equal, unexplained } = compareFlows([flow()], [flow(change)], [], 1);
    expect({ equal, count: unexplained.length }).toEqual({ equal: 0, count: 2 });
  });

  it("differ when one has a flow twice", () => {
    expect(compareFlows([flow(), flow()], [flow()], [], 1)).toMatchObject({ equal: 1, ours: 2 });
    expect(compareFlows([flow(), flow()], [flow()], [], 1).unexplained).toHaveLength(1);
    expect(compareFlows([flow()], [flow(), flow()], [], 1).unexplained).toHaveLength(1);
  });

  it("agree within the unit of the coarser one", () => {
    expect(compareFlows([flow({ endUs: 5999 })], [flow()], [], 1000).equal).toBe(1);
    expect(compareFlows([flow({ endUs: 6000 })], [flow()], [], 1000).equal).toBe(0);
  });

  it("differ for the first reason that explains it", () => {
    const reasons = [
      { name: "never", explains: () => false },
      { name: "bytes", explains: () => true },
    ];
    const { explained, unexplained } = compareFlows([flow()], [flow({ bytes: [1, 0] })], reasons, 1);
    expect([...explained]).toEqual([["bytes", 1]]);
    expect(unexplained).toEqual([]);
  });
});
