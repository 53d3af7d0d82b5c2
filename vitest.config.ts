import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const projects = ["proto", "sensor", "correlator", "api", "deploy", "test"];

/** Sources are tested without a build: workspace imports resolve to TypeScript. */
const sources = ["picket:source", "node", "import", "default"];
/** After a build the tests of the whole take what was built: `npm test` sets it. */
const isBuilt = process.env["PICKET_TEST_BUILT"] === "1";

/** Files that take longest, most of it waiting; what starts last should be short. */
const slowest = [
  "faults/nats-cluster",
  "faults/redis-cluster",
  "servers/clusters",
  "scorecard/",
  "faults/",
  "agreement/",
  "integration/sensor-live",
  "integration/sensor-spool-disk",
  "integration/doctor",
  "e2e/",
  "integration/",
  "engine/",
  "captures/",
  "conformance/",
];

/** Keeps the last worker from being alone with a long file. */
class SlowestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = slowest.findIndex((part) => moduleId.includes(`/test/${part}`));
      return index === -1 ? slowest.length : index;
    };
    return Promise.resolve(files.toSorted((one, other) => rank(one) - rank(other)));
  }
}

export default defineConfig({
  test: {
    // The tests with servers wait more than they compute: one worker more than two cores.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    sequence: { sequencer: SlowestFirst },
    projects: projects.map((name) => ({
      ...(isBuilt && name === "test"
        ? {}
        : { resolve: { conditions: sources }, ssr: { resolve: { conditions: sources } } }),
      oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
      test: {
        name,
        root: name,
        include: ["**/*.spec.ts"],
        exclude: ["**/dist/**", "**/node_modules/**"],
        pool: "forks",
        // A process for each file costs more than most files do; none of them leaves anything behind.
        isolate: false,
        // Conditions end as soon as they hold; a loaded machine takes its time.
        testTimeout: 60_000,
        hookTimeout: 60_000,
        server: { deps: isBuilt && name === "test" ? { external: [/\/dist\//] } : { inline: [/@picket\//] } },
      },
    })),
  },
});
