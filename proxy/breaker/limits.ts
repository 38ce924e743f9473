/** What a `connectionPool` limits, with its defaults. Pure. */
import type { ConnectionPool } from "../config/view.ts";

export interface Limits {
  /** Connections open or being opened. */
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
  /** Requests under way, those that wait included. */
  readonly requests: number;
  readonly retries: RetryLimit;
}

/** At most so many retries under way: a number, or a share of the requests under way. */
export type RetryLimit = { readonly most: number } | RetryBudget;

export interface RetryBudget {
  readonly percent: number;
  /** Always allowed: a share of few requests is none. */
  readonly least: number;
  /** What ended no longer ago than this, in ms, counts as under way; 0: only what is. */
  readonly intervalMs: number;
}

/** Envoy's budget. It holds where nobody asked for one: a failing service must not be buried by those that it fails. */
const DEFAULT_BUDGET: RetryBudget = { percent: 20, least: 3, intervalMs: 0 };

const NONE = Number.POSITIVE_INFINITY;

export const UNLIMITED: Limits = {
  connections: NONE,
  pending: NONE,
  requests: NONE,
  retries: DEFAULT_BUDGET,
};

export function limitsOf(pool: ConnectionPool | undefined): Limits {
  if (pool === undefined) return UNLIMITED;
  return {
    connections: pool.maxConnections ?? NONE,
    pending: pool.http1MaxPendingRequests ?? NONE,
    requests: pool.http2MaxRequests ?? NONE,
    retries: retryLimit(pool),
  };
}

/** A budget takes the place of `maxRetries`, which takes the place of the default budget. */
function retryLimit({ retryBudget, maxRetries }: ConnectionPool): RetryLimit {
  if (retryBudget !== undefined) {
    const { percent, minRetryConcurrency, budgetIntervalMs } = retryBudget;
    return { percent, least: minRetryConcurrency, intervalMs: budgetIntervalMs ?? 0 };
  }
  return maxRetries === undefined ? DEFAULT_BUDGET : { most: maxRetries };
}
