import { beforeEach, describe, expect, it } from "vitest";
import { createFakeClock, type FakeClock, settle } from "../kube/clock.fake.ts";
import { silentLog } from "../kube/index.ts";
import { makeInstallation } from "./installation.fixture.ts";
import { createProber } from "./prober.ts";
import type { WebhookState } from "./status.ts";

const answering: WebhookState = { status: "True", reason: "Answering", message: "" };
const failing = (message: string): WebhookState => ({ status: "False", reason: "CallFailed", message });
const installation = makeInstallation();

let clock: FakeClock;
let found: WebhookState;
let probes: number;
let changes: string[];
beforeEach(() => {
  clock = createFakeClock();
  found = answering;
  probes = 0;
  changes = [];
});

const create = (probe?: () => Promise<WebhookState>) =>
  createProber({
    probe:
      probe ??
      (async () => {
        probes++;
        return found;
      }),
    clock,
    log: silentLog,
    onChange: (name) => changes.push(name),
  });

describe("the prober", () => {
  it("knows nothing at first, and tells when it does", async () => {
    const prober = create();
    expect(prober.state(installation)).toMatchObject({ status: "Unknown", reason: "NotProbed" });
    await settle();
    expect(prober.state(installation)).toEqual(answering);
    expect(changes).toEqual(["default"]);
    prober.close();
  });

  it("asks a healthy webhook once a minute, a failing one in seconds, less and less often", async () => {
    const prober = create();
    prober.state(installation);
    await clock.advance(59_999);
    expect(probes).toBe(1);
    found = failing("a");
    await clock.advance(1);
    expect(probes).toBe(2);
    await clock.advance(2_000);
    expect(probes).toBe(3);
    await clock.advance(300_000);
    expect(probes).toBeLessThan(3 + 300 / 15 + 5);
    found = answering;
    await clock.advance(15_000);
    expect(prober.state(installation)).toEqual(answering);
    expect(changes).toEqual(["default", "default", "default"]);
    prober.close();
  });

  it("tells of no change when only the text is another", async () => {
    const prober = create();
    found = failing("dial tcp 198.18.0.1:443: refused");
    prober.state(installation);
    await settle();
    found = failing("dial tcp 198.18.0.2:443: refused");
    await clock.advance(10_000);
    expect(changes).toEqual(["default"]);
    prober.close();
  });

  it("outlives a probe that fails of itself", async () => {
    let fail = true;
    const prober = create(async () => {
      if (fail) throw new Error("bug");
      return answering;
    });
    prober.state(installation);
    await settle();
    fail = false;
    await clock.advance(1_000);
    expect(prober.state(installation)).toEqual(answering);
    prober.close();
  });

  it("stops with the installation, and leaves no timer", async () => {
    const prober = create();
    prober.state(installation);
    await settle();
    prober.forget(installation.uid);
    expect(clock.pending).toBe(0);
    prober.state(installation);
    await settle();
    prober.close();
    expect(clock.pending).toBe(0);
  });
});
