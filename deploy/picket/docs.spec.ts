import { readFileSync } from "node:fs";

import { errorCodes } from "@picket/proto/picket-error.js";
import { describe, expect, it } from "vitest";

import { configurationPage } from "./configuration-page.js";
import { roles } from "./roles.js";

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

describe("the documentation", () => {
  it("has the configuration page the schemas give (npm run docs writes it)", () => {
    expect(page("configuration.md")).toBe(configurationPage());
  });

  it.each(Object.entries(errorCodes))("explains the error %s", (code, about) => {
    expect(page("operations.md")).toContain(`\`${code}\``);
    expect(page("operations.md")).toContain(about);
  });

  it.each(roles.map((role) => role.name))("mentions the command picket %s", (name) => {
    const everything = ["operations.md", "api.md", "architecture.md"].map(page).join("\n");
    expect(everything).toMatch(new RegExp(`picket ${name}\\b`));
  });
});
