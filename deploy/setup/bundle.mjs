// Packs what `picket analyze` needs to meter a file into one module. Loading a hundred small ones takes
// longer than metering a short capture, and the compiler folds constants of the same module only.
// Everything else (correlator, api, live capture) is still loaded from where it was built.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";

import { bundledFrom, bundleStamp } from "../picket/bundle-stamp.mjs";

const dist = new URL("../dist/", import.meta.url);
/** Modules that are loaded on demand, but always in this way of use. */
const loadedOnDemand = /\/(analyze-command|meter-files)\.js$/;

await build({
  configFile: false,
  logLevel: "warn",
  root: fileURLToPath(dist),
  plugins: [{ name: "leave-other-roles", enforce: "pre", resolveDynamicImport: leaveOtherRoles }],
  ssr: { noExternal: ["commander", /^@picket\//], target: "node" },
  build: {
    ssr: "picket/main.js",
    outDir: "picket",
    emptyOutDir: false,
    target: "node20",
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      optimization: { inlineConst: { mode: "all", pass: 3 } },
      output: {
        codeSplitting: false,
        entryFileNames: "bundle.js",
        comments: { legal: true, annotation: false, jsdoc: false },
      },
    },
  },
});
writeFileSync(bundleStamp, Buffer.concat(bundledFrom.map((file) => readFileSync(file))));

async function leaveOtherRoles(specifier, importer) {
  if (typeof specifier !== "string" || loadedOnDemand.test(specifier)) return undefined;
  const resolved = await this.resolve(specifier, importer);
  return { id: resolved?.id ?? specifier, external: "relative" };
}
