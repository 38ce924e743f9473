/** What a suite found out about one case. */
export interface CaseResult {
  readonly suite: string;
  readonly case: string;
  readonly passed: boolean;
  /** Why it did not pass; "" when it did. */
  readonly detail: string;
}

export interface SuiteOptions {
  /** Folder of the suites' executables. */
  readonly tools: string;
  /** Hand the suite's own output on as it comes. */
  readonly verbose: boolean;
}

/** Runs every case; rejects only when the suite itself cannot be run. */
export type Suite = (options: SuiteOptions) => AsyncIterable<CaseResult>;
