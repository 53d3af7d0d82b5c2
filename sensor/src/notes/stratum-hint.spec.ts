import { describe, expect, it } from "vitest";
import { isStratum } from "./stratum-hint.js";
import { textBytes } from "./testing/decoded.js";

const isMining = (text: string): boolean => isStratum(textBytes(text), 0, text.length);

describe("stratum", () => {
  it.each([
    '{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.9.0"]}\n',
    '{"params":["worker","x"],"id":2,"method":"mining.authorize"}\n',
    '{"id":null,"method":"mining.notify","params":["bf","4d16b6f85af6e219"]}\n',
    '{"id":4,"method":"mining.submit","params":["a","b"]}\n',
    '{"id":null,"method":"mining.set_difficulty","params":[2]}\n',
    '{"method":"mining.configure","params":[["version-rolling"]],"id":0}\n',
    '06f6","5a1b2c3d",false],"id":null}\n{"id":null,"method":"mining.notify","params":[]}\n',
    '{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"48edfHu7V9Z84Yzz","pass":"x","agent":"XMRig/6.21"}}\n',
    '{"id":1,"jsonrpc":"2.0","error":null,"result":{"id":"1","job":{"blob":"0606","job_id":"a"},"status":"OK"}}\n',
    '{"jsonrpc":"2.0","method":"job","params":{"blob":"0606","job_id":"a","target":"b88d0600"}}\n',
    '{"id":2,"method":"submit","params":{"id":"1","job_id":"a","nonce":"d0030040","result":"e1"}}\n',
    '{"worker":"a","id":1,"method":"eth_submitLogin","params":["0xabc"],"jsonrpc":"2.0"}\n',
    '{"id":5,"method":"eth_getWork","params":[]}\n',
  ])("is %s", (text) => {
    expect(isMining(text)).toBe(true);
  });

  it.each([
    "",
    '"',
    '{"id":4,"result":true,"error":null}\n',
    '{"jsonrpc":"2.0","method":"login","params":{"user":"a","pass":"b"}}\n',
    '{"jsonrpc":"2.0","method":"login","params":{"login":"a"}}\n',
    '{"jsonrpc":"2.0","method":"eth_getBlockByNumber","params":["latest",false],"id":1}\n',
    '{"topic":"mining.notify","text":"no call"}\n',
    '{"method":"mining.other"}\n',
    '{"method":"\\"mining\\".notify"}\n',
    '{"job":"print","state":"queued"}\n',
    "method mining.notify without quotes",
  ])("is not %s", (text) => {
    expect(isMining(text)).toBe(false);
  });

  it("is not looked for in text that has no quote for long", () => {
    const call = '{"id":null,"method":"mining.notify"}';
    expect(isMining("0".repeat(250) + call)).toBe(true);
    expect(isMining("0".repeat(256) + call)).toBe(false);
  });

  it("is not read beyond the end", () => {
    const text = '{"method":"mining.notify"}';
    const whole = text.indexOf("notify") + "notify".length;
    expect(isStratum(textBytes(text), 0, whole)).toBe(true);
    expect(isStratum(textBytes(text), 0, whole - 1)).toBe(false);
  });

  it("takes one pass over hostile text", () => {
    const text = '"mining.notif'.repeat(5000);
    expect(isMining(text)).toBe(false);
  });
});
