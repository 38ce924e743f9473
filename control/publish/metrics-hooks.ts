/** Where publishing counts what it does. Durations in milliseconds. */
export interface PublishMetrics {
  /** One key was compiled: "service", "index" or "workload". */
  compiled(kind: string, ms: number): void;
  /** One request chain to the API server: "create", "write", "relabel" or "delete" of a kind. */
  written(kind: string, action: string, ms: number): void;
  /** Objects found unchanged. */
  skipped(kind: string, count: number): void;
  /** From the first change that a key was held for to the end of its writes; without a write, not told. */
  propagated(kind: string, ms: number): void;
}

export const noPublishMetrics: PublishMetrics = {
  compiled() {},
  written() {},
  skipped() {},
  propagated() {},
};
