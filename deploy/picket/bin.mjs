#!/usr/bin/env node
// The picket command: starts the built program, or says that it is not built.
import { existsSync } from "node:fs";

const built = new URL("../dist/picket/main.js", import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write("picket: picket is not built: run npm run build\n");
  process.exitCode = 2;
}
