import { describe, expect, it } from "vitest";
import { findCondition } from "../kube/index.ts";
import type { CertificateReport } from "./certificates/report.ts";
import { makeInstallation } from "./installation.fixture.ts";
import { determineStatus, isSameStatus, type Observation } from "./status.ts";
import { transitions } from "./transitions.ts";

const now = Date.UTC(2026, 0, 1);
const end = Date.UTC(2027, 0, 1);
const certificates: CertificateReport = {
  secretName: "istio-ca-secret",
  trustBundle: "",
  status: "True",
  reason: "Valid",
  message: "valid",
  intermediateEnd: end,
  rootEnd: end,
};
const healthy: Observation = {
  reconciled: { status: "True", reason: "Reconciled", message: "done" },
  deployment: { wanted: 2, available: 2, isObserved: true },
  webhook: { status: "True", reason: "Answering", message: "answers" },
  certificates,
};
const installation = makeInstallation();
const statusOf = (observation: Observation, before = installation, at = now) =>
  determineStatus(before, observation, at, "0.1.0");
const summary = (observation: Observation, before = installation) => {
  const status = statusOf(observation, before);
  const ready = findCondition(status.conditions, "Ready");
  return [status.state, ready?.status, ready?.reason];
};

describe("the status of an installation", () => {
  it("that serves is all conditions at its generation, and what is active", () => {
    const status = statusOf(healthy);
    expect(status).toMatchObject({
      observedGeneration: 3,
      state: "Healthy",
      version: "0.1.0",
      activeRevision: "default",
      trustDomain: "cluster.local",
      caExpiry: "2027-01-01T00:00:00Z",
    });
    expect(
      status.conditions?.map(({ type, status: value, observedGeneration }) => [
        type,
        value,
        observedGeneration,
      ]),
    ).toEqual([
      ["Reconciled", "True", 3],
      ["CertificatesValid", "True", 3],
      ["WebhookReady", "True", 3],
      ["Ready", "True", 3],
    ]);
  });

  const failed = (reason: Observation["reconciled"]["reason"]) =>
    ({ status: "False", reason, message: "m" }) as const;

  it.each<[string, Observation, string, string, string]>([
    [
      "has a replica to spare missing",
      { ...healthy, deployment: { wanted: 2, available: 1, isObserved: true } },
      "Healthy",
      "True",
      "Serving",
    ],
    [
      "has no replica",
      { ...healthy, deployment: { wanted: 2, available: 0, isObserved: true } },
      "ControlNotAvailable",
      "False",
      "ControlNotAvailable",
    ],
    [
      "has no Deployment yet",
      { ...healthy, deployment: undefined },
      "ControlMissing",
      "False",
      "ControlMissing",
    ],
    [
      "has nothing to sign with",
      { ...healthy, certificates: { ...certificates, status: "False", reason: "Expired" } },
      "Expired",
      "False",
      "Expired",
    ],
    [
      "has a webhook that does not answer",
      { ...healthy, webhook: { status: "False", reason: "CallFailed", message: "m" } },
      "CallFailed",
      "False",
      "CallFailed",
    ],
    [
      "could not be reconciled",
      { ...healthy, reconciled: failed("ReconcileFailed") },
      "ReconcileFailed",
      "Unknown",
      "ReconcileFailed",
    ],
    [
      "has another's revision",
      { ...healthy, reconciled: failed("Conflict"), deployment: undefined, certificates: undefined },
      "Conflict",
      "Unknown",
      "Conflict",
    ],
    [
      "is paused while it serves",
      { ...healthy, reconciled: { status: "Unknown", reason: "Paused", message: "m" } },
      "Paused",
      "True",
      "Serving",
    ],
    [
      "is being deleted while pods need it",
      { ...healthy, deleting: { reason: "WorkloadsStillInjected", message: "m" } },
      "WorkloadsStillInjected",
      "True",
      "Serving",
    ],
  ])("that %s says so", (_name, observation, state, ready, reason) => {
    expect(summary(observation)).toEqual([state, ready, reason]);
  });

  it("is the same when nothing changed but time", () => {
    const before = makeInstallation({}, {}, statusOf(healthy));
    expect(isSameStatus(before.status, statusOf(healthy, before, now + 3_600_000))).toBe(true);
  });

  it("keeps what was active while a change is under way", () => {
    const before = makeInstallation({ trustDomain: "new.example" }, {}, statusOf(healthy));
    const during = statusOf(
      { ...healthy, deployment: { wanted: 2, available: 0, isObserved: false } },
      before,
    );
    expect(during).toMatchObject({ activeRevision: "default", trustDomain: "cluster.local" });
  });

  it("keeps what was known of certificates that were not looked at", () => {
    const before = makeInstallation({}, {}, statusOf(healthy));
    const after = statusOf({ ...healthy, certificates: undefined }, before);
    expect(findCondition(after.conditions, "CertificatesValid")).toMatchObject({
      status: "True",
      reason: "Valid",
    });
    expect(after.caExpiry).toBe("2027-01-01T00:00:00Z");
  });

  it("moves a condition's time only with its status", () => {
    const before = makeInstallation({}, {}, statusOf(healthy));
    const later = statusOf(
      { ...healthy, webhook: { status: "False", reason: "CallFailed", message: "m" } },
      before,
      now + 60_000,
    );
    expect(findCondition(later.conditions, "WebhookReady")?.lastTransitionTime).toBe("2026-01-01T00:01:00Z");
    expect(findCondition(later.conditions, "Reconciled")?.lastTransitionTime).toBe("2026-01-01T00:00:00Z");
  });
});

describe("events", () => {
  const first = statusOf(healthy);
  const next = (observation: Observation, at = now) =>
    statusOf(observation, makeInstallation({}, {}, first), at);
  const reasons = (before: typeof first, after: typeof first) =>
    transitions(before, after).map(({ type, reason }) => [type, reason]);

  it("tell of an installation once, when it serves", () => {
    const starting = statusOf({
      ...healthy,
      deployment: undefined,
      webhook: { status: "False", reason: "NotInstalled", message: "m" },
    });
    expect(reasons({}, starting)).toEqual([
      ["Normal", "Reconciled"],
      ["Normal", "CertificatesValid"],
    ]);
    const serving = statusOf(healthy, makeInstallation({}, {}, starting));
    expect(reasons(starting, serving)).toEqual([
      ["Normal", "WebhookReady"],
      ["Normal", "Installed"],
    ]);
  });

  it("are none when nothing changed, however often it is looked at", () => {
    expect(reasons(first, next(healthy, now + 60_000))).toEqual([]);
  });

  it("tell of a failure, of another failure, and of the recovery", () => {
    const failing = next({ ...healthy, webhook: { status: "False", reason: "CallFailed", message: "m" } });
    expect(reasons(first, failing)).toEqual([
      ["Warning", "CallFailed"],
      ["Warning", "CallFailed"],
    ]);
    const other = statusOf(
      { ...healthy, webhook: { status: "False", reason: "NotCalled", message: "m" } },
      makeInstallation({}, {}, failing),
    );
    expect(reasons(failing, other)).toEqual([
      ["Warning", "NotCalled"],
      ["Warning", "NotCalled"],
    ]);
    expect(reasons(other, first)).toEqual([
      ["Normal", "WebhookReady"],
      ["Normal", "Ready"],
    ]);
  });

  it("tell that workloads hold up a deletion", () => {
    const blocked = next({ ...healthy, deleting: { reason: "WorkloadsStillInjected", message: "3 pods" } });
    expect(transitions(first, blocked)).toEqual([
      { type: "Warning", reason: "WorkloadsStillInjected", message: "3 pods" },
    ]);
    const more = statusOf(
      { ...healthy, deleting: { reason: "WorkloadsStillInjected", message: "2 pods" } },
      makeInstallation({}, {}, blocked),
    );
    expect(transitions(blocked, more)).toEqual([]);
  });
});
