import { describe, expect, it } from "vitest";
import { formatPageToken, parsePageSize, parsePageToken } from "./page-token.js";

const request = [{ kinds: ["campaign"] }, "last_seen desc"];

describe("a page token", () => {
  it("gives back the position it was made of", () => {
    const position = { value: -1.5e300, id: "00000000000000aa" };
    expect(parsePageToken(request, formatPageToken(request, position))).toEqual(position);
  });

  it("is absent on the first page", () => {
    expect(parsePageToken(request, "")).toBeUndefined();
  });

  const forge = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  it.each([
    ["text", "hello"],
    ["no tuple", forge({})],
    ["a number without end", forge(["0123456789abcdef", "x", "id"])],
    ["an id without end", forge(["0123456789abcdef", 1, "x".repeat(300)])],
    ["a megabyte", "A".repeat(1 << 20)],
  ])("that holds %s is refused", (_name, token) => {
    expect(() => parsePageToken(request, token)).toThrow("page_token: must be the next_page_token");
  });

  it("of another request is refused", () => {
    const token = formatPageToken(["other"], { value: 1, id: "a" });
    expect(() => parsePageToken(request, token)).toThrow("page_token: belongs to another filter or order");
  });
});

describe("a page size", () => {
  it.each([
    [0, 100],
    [1, 1],
    [1000, 1000],
  ])("of %i means %i", (given, meant) => expect(parsePageSize(given)).toBe(meant));

  it.each([-1, 1001, 2 ** 31 - 1])("of %i is refused", (given) => {
    expect(() => parsePageSize(given)).toThrow("page_size: must be 1 to 1000");
  });
});
