import { defineConfig } from "vitest/config";

const projects = ["proto", "sensor", "correlator", "api", "deploy", "test"];

/** Sources are tested without a build: workspace imports resolve to TypeScript. */
const conditions = ["picket:source", "node", "import", "default"];

export default defineConfig({
  test: {
    projects: projects.map((name) => ({
      resolve: { conditions },
      ssr: { resolve: { conditions } },
      oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
      test: {
        name,
        root: name,
        include: ["**/*.spec.ts"],
        exclude: ["**/dist/**", "**/node_modules/**"],
        pool: "forks",
        testTimeout: 20_000,
        server: { deps: { inline: [/@picket\//] } },
      },
    })),
  },
});
