#!/usr/bin/env node
// The picket command: starts the built program, or says that it is not built.
import { existsSync } from "node:fs";

import { isBundleCurrent } from "./bundle-stamp.mjs";

const args = process.argv.slice(2);
const built = new URL("../dist/picket/main.js", import.meta.url);
const bundled = new URL("../dist/picket/bundle.js", import.meta.url);
if (existsSync(built)) {
  const isQuick = args[0] === "analyze" && isBundleCurrent();
  const { main } = await import((isQuick ? bundled : built).href);
  process.exitCode = await main(args);
} else {
  process.stderr.write("picket: picket is not built: run npm run build\n");
  process.exitCode = 2;
}
