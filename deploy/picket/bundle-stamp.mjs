// Whether the packed module of `picket analyze` (see setup/bundle.mjs) is of the present build.
import { readFileSync } from "node:fs";

/** What the compiler wrote about the sources of each project that is in the bundle: changes with any of them. */
export const bundledFrom = ["proto", "sensor", "deploy"].map(
  (project) => new URL(`../../${project}/dist/.tsbuildinfo`, import.meta.url),
);
/** The same at the time of bundling, one after the other. */
export const bundleStamp = new URL("../dist/picket/bundle.stamp", import.meta.url);

/** False when there is no bundle or something was compiled after it. */
export function isBundleCurrent() {
  try {
    return readFileSync(bundleStamp).equals(Buffer.concat(bundledFrom.map((file) => readFileSync(file))));
  } catch {
    return false;
  }
}
