import { defineConfig } from "vitest/config";

/**
 * Three projects by what they need: `unit` nothing, `integration` a local API server or Bun processes,
 * `e2e` the hermetic cluster. `hack/test` prepares what each needs and runs them in this order.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{crds,kube,operator,control,webhook,proxy,cli,hack}/**/*.test.ts"],
          exclude: ["**/node_modules/**", "proxy/**/*.bun.test.ts"],
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
