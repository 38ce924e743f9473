import type { Client } from "./client.ts";
import { type Clock, sleep } from "./clock.ts";
import { isAlreadyExists, isConflict, isNotFound, messageOf } from "./errors.ts";
import { type Log, silentLog } from "./log.ts";
import { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";
import { leases } from "./resources.ts";
import type { MetaObject } from "./types.ts";

/** One candidate of an election held over a Lease. */
export interface Election {
  /** Campaigns until the signal aborts, then gives the lease back and resolves. Losing it means campaigning again. */
  run(signal: AbortSignal): Promise<void>;
  isLeader(): boolean;
  /** Identity of the holder last seen, "" for none. */
  leader(): string;
}

export interface ElectionOptions {
  client: Client;
  namespace: string;
  name: string;
  /** Unique to this process, e.g. the pod's name. */
  identity: string;
  /** How long others wait after the last renewal they saw. */
  leaseDurationMs?: number | undefined;
  /** How long the leader acts without a renewal; less than leaseDurationMs, so that two never act at once. */
  renewDeadlineMs?: number | undefined;
  retryPeriodMs?: number | undefined;
  clock: Clock;
  random?: (() => number) | undefined;
  log?: Log | undefined;
  metrics?: KubeMetrics | undefined;
  /** Begins leading. The signal aborts the moment the lead may be lost: fence every write with it. */
  onStarted(signal: AbortSignal): void;
  onStopped(): void;
}

interface Lease extends MetaObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

/**
 * Leader election as client-go does it. Other candidates' clocks are never trusted: a lease has expired when it has
 * not changed for its duration by our own monotonic clock.
 */
export function createElection(options: ElectionOptions): Election {
  const { client, namespace, name, identity, clock } = options;
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
  const log = options.log ?? silentLog;
  const metrics = options.metrics ?? noMetrics;
  const random = options.random ?? Math.random;
  if (!(leaseDurationMs > renewDeadlineMs && renewDeadlineMs > retryPeriodMs)) {
    throw new Error(
      `election ${name}: leaseDurationMs (${leaseDurationMs}) must exceed renewDeadlineMs (${renewDeadlineMs}), which must exceed retryPeriodMs (${retryPeriodMs})`,
    );
  }

  let observed: { lease: Lease; at: number } | undefined;
  let term: AbortController | undefined;

  const microTime = () => `${new Date(clock.now()).toISOString().slice(0, -1)}000Z`;
  const observe = (lease: Lease) => {
    if (observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    observed = { lease, at: clock.monotonic() };
  };
  /** Runs `work` with a signal that also aborts after `ms`: a request that hangs must not outlive the lease. */
  const within = async <T>(
    ms: number,
    outer: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ) => {
    const deadline = new AbortController();
    const timer = clock.setTimeout(() => deadline.abort(), ms);
    const signal = outer === undefined ? deadline.signal : AbortSignal.any([outer, deadline.signal]);
    return work(signal).finally(() => timer.cancel());
  };

  /** Tries once to take or renew the lease; false when another holds it. */
  const attempt = async (signal: AbortSignal): Promise<boolean> => {
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
      renewTime: microTime(),
    };
    const before = clock.monotonic();
    const current = await client.get<Lease>(leases, { namespace, name, signal }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (current === undefined) {
      const lease: Lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name, namespace },
        spec: { ...spec, acquireTime: spec.renewTime, leaseTransitions: 0 },
      };
      observed = { lease: await client.create(leases, lease, { signal }), at: before };
      return true;
    }
    observe(current);
    const holder = current.spec?.holderIdentity ?? "";
    const mine = holder === identity;
    if (!mine && holder !== "") {
      const duration = (current.spec?.leaseDurationSeconds ?? 0) * 1000;
      if (clock.monotonic() - (observed?.at ?? 0) < duration) return false;
    }
    const next: Lease = {
      ...current,
      spec: {
        ...current.spec,
        ...spec,
        acquireTime: mine ? (current.spec?.acquireTime ?? spec.renewTime) : spec.renewTime,
        leaseTransitions: (current.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1),
      },
    };
    // PUT with the resourceVersion just read: of two candidates only one succeeds.
    observed = { lease: await client.replace(leases, next, { signal }), at: before };
    return true;
  };

  const tryOnce = async (signal: AbortSignal): Promise<boolean> => {
    try {
      return await attempt(signal);
    } catch (error) {
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error)) {
        log.warn("the lease could not be read or written", { lease: name, error: messageOf(error) });
      }
      return false;
    }
  };

  const lead = async (outer: AbortSignal) => {
    term = new AbortController();
    metrics.leader(name, true);
    log.info("leading", { lease: name, identity });
    options.onStarted(term.signal);
    let renewedAt = observed?.at ?? clock.monotonic();
    while (!outer.aborted) {
      const left = () => renewDeadlineMs - (clock.monotonic() - renewedAt);
      await sleep(clock, Math.min(retryPeriodMs, left()), outer);
      if (outer.aborted || left() <= 0) break;
      if (await within(left(), outer, tryOnce)) renewedAt = observed?.at ?? clock.monotonic();
      else if (holderOf(observed?.lease) !== identity) break;
    }
    term.abort();
    term = undefined;
    metrics.leader(name, false);
    log.info("no longer leading", { lease: name, identity, released: outer.aborted });
    options.onStopped();
  };

  const release = async () => {
    if (observed === undefined || holderOf(observed.lease) !== identity) return;
    const spec = {
      ...observed.lease.spec,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: microTime(),
    };
    const lease = { ...observed.lease, spec };
    await within(retryPeriodMs, undefined, (signal) =>
      client.replace<Lease>(leases, lease, { signal }),
    ).catch((error: unknown) =>
      log.info("the lease was not given back; others wait for it to expire", { error: messageOf(error) }),
    );
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        if (await within(renewDeadlineMs, signal, tryOnce)) await lead(signal);
        else await sleep(clock, retryPeriodMs * (1 + 0.2 * random()), signal);
      }
      await release();
    },
    isLeader: () => term !== undefined && !term.signal.aborted,
    leader: () => holderOf(observed?.lease),
  };
}

const holderOf = (lease: Lease | undefined) => lease?.spec?.holderIdentity ?? "";
