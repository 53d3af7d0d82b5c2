import type { Msg } from "@nats-io/transport-node";
import { describe, expect, it } from "vitest";
import { readPublishAnswer } from "./publish-answer.js";

function answer(text: string, code = 0): Msg {
  return { string: () => text, headers: code === 0 ? undefined : { code } } as unknown as Msg;
}

describe("the answer to a publish", () => {
  it("is an acknowledgement only with stream and sequence", () => {
    expect(readPublishAnswer(answer('{"stream":"FLOWS","seq":5}'))).toEqual({
      kind: "stored",
      isDuplicate: false,
      streamSequence: 5,
    });
    expect(readPublishAnswer(answer('{"stream":"FLOWS","seq":5,"duplicate":true}'))).toMatchObject({
      isDuplicate: true,
    });
    for (const text of ["", "null", "[]", '"x"', "{}", '{"seq":1}', '{"stream":1,"seq":1}', "{"]) {
      expect(readPublishAnswer(answer(text)).kind).toBe("later");
    }
  });

  it("tells an absent stream from one that refuses now or for good", () => {
    expect(readPublishAnswer(answer("", 503)).kind).toBe("absent");
    const error = (code: number) => answer(`{"error":{"code":400,"err_code":${code},"description":"d"}}`);
    expect(readPublishAnswer(error(10_054))).toEqual({ kind: "refused", reason: "d" });
    expect(readPublishAnswer(error(10_077))).toEqual({ kind: "later", reason: "d" });
  });
});
