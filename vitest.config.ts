import { defineConfig } from "vitest/config";

/**
 * Four projects by what they need: `unit` nothing, `integration` a local API server or Bun processes, `cluster` brings
 * hermetic clusters up and down, `e2e` runs on one with the mesh installed. `hack/test` prepares what each needs and runs them in this order.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{crds,kube,operator,control,webhook,proxy,cli,hack,test/support,test/app}/**/*.test.ts"],
          exclude: ["**/node_modules/**"],
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
          name: "cluster",
          include: ["test/cluster/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
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
