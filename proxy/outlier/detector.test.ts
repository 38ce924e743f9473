import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutlierDetection } from "../../crds/service-config.ts";
import { Detector } from "./detector.ts";
import type { Monitor } from "./monitor.ts";

const policyOf = (fields: Partial<OutlierDetection> = {}): OutlierDetection => ({
  consecutive5xxErrors: 5,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  httpErrorCodes: [],
  ...fields,
});

/** A detector that has been sweeping since 0, with its endpoints. */
function setup(hosts: number, fields: Partial<OutlierDetection> = {}) {
  const detector = new Detector(policyOf(fields));
  const monitors = Array.from({ length: hosts }, () => detector.watch());
  detector.refresh(0);
  return { detector, monitors, first: monitors[0] as Monitor };
}

function record(monitor: Monitor, statuses: readonly number[], now = 1): void {
  for (const status of statuses) monitor.record(status, now);
}

describe("an endpoint is set aside", () => {
  const fives = [500, 501, 503, 504, 599];
  it.each<[string, Partial<OutlierDetection>, number[], boolean]>([
    ["at the fifth 5xx in a row", {}, fives, true],
    ["not at the fourth", {}, fives.slice(1), false],
    ["not when an answer that is none came between", {}, [500, 500, 500, 500, 200, 500], false],
    ["for failures on the way as for 5xx", {}, [0, 500, 0, 500, 0], true],
    ["not for 5xx that are turned off", { consecutive5xxErrors: 0 }, [...fives, ...fives], false],
    ["for gateway errors apart", { consecutiveGatewayErrors: 3 }, [502, 503, 504], true],
    ["for failures on the way as for gateway errors", { consecutiveGatewayErrors: 3 }, [0, 0, 0], true],
    ["not for gateway errors that others part", { consecutiveGatewayErrors: 3 }, [502, 500, 503, 504], false],
    ["for 5xx though gateway errors reset", { consecutiveGatewayErrors: 3 }, [502, 502, 500, 502, 502], true],
    [
      "for failures on the way alone, when split",
      { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 },
      [0, 0],
      true,
    ],
    [
      "not for 5xx and failures together, when split",
      { splitExternalLocalOriginErrors: true },
      [500, 0, 500, 0, 500, 0, 500],
      false,
    ],
    [
      "not for failures that an answer parts, when split",
      { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 },
      [0, 500, 0],
      false,
    ],
    ["for the statuses that are listed", { httpErrorCodes: [429, 500] }, [429, 500, 429, 429, 500], true],
    ["not for others, when some are listed", { httpErrorCodes: [429] }, fives, false],
  ])("%s", (_, fields, statuses, ejected) => {
    const { detector, first } = setup(3, fields);
    record(first, statuses);
    expect([first.ejected, detector.ejected, detector.ejections]).toEqual(
      ejected ? [true, 1, 1] : [false, 0, 0],
    );
  });

  it.each([
    { hosts: 1, percent: 10, most: 0 },
    { hosts: 1, percent: 100, most: 1 },
    { hosts: 2, percent: 10, most: 1 },
    { hosts: 9, percent: 10, most: 1 },
    { hosts: 10, percent: 25, most: 2 },
    { hosts: 10, percent: 100, most: 10 },
    { hosts: 10, percent: 0, most: 0 },
  ])("$most of $hosts at most, with $percent per cent", ({ hosts, percent, most }) => {
    const { detector, monitors } = setup(hosts, { maxEjectionPercent: percent, consecutive5xxErrors: 1 });
    for (const monitor of monitors) record(monitor, [500]);
    expect(detector.ejected).toBe(most);
  });

  it("counting anew after an attempt that the limit stopped", () => {
    const { monitors, detector } = setup(4, { maxEjectionPercent: 25, consecutive5xxErrors: 2 });
    const [a, b] = monitors as [Monitor, Monitor];
    record(a, [500, 500]);
    record(b, [500, 500]);
    expect(b.ejected).toBe(false);
    detector.refresh(1_000_000);
    record(b, [500], 1_000_001);
    expect(b.ejected).toBe(false);
    record(b, [500], 1_000_001);
    expect(b.ejected).toBe(true);
  });
});

describe("an endpoint comes back", () => {
  it("at the first sweep after its time, which grows with each ejection", () => {
    const { detector, first } = setup(2, { consecutive5xxErrors: 1 });
    record(first, [500], 5_000);
    expect([detector.refresh(34_999), first.ejected]).toEqual([1, true]);
    expect([detector.refresh(39_999), first.ejected]).toEqual([1, true]);
    expect([detector.refresh(40_000), first.ejected]).toEqual([2, false]);
    record(first, [500], 41_000);
    detector.refresh(100_000);
    expect(first.ejected).toBe(true);
    detector.refresh(110_000);
    expect(first.ejected).toBe(false);
  });

  it("sooner again after sweeps that found it in", () => {
    const { detector, first } = setup(2, { consecutive5xxErrors: 1 });
    record(first, [500], 5_000);
    detector.refresh(50_000);
    expect(first.backoff).toBe(0);
    record(first, [500], 51_000);
    detector.refresh(90_000);
    expect(first.ejected).toBe(false);
  });

  it("after five minutes at most, or its base time", () => {
    const { detector, first } = setup(2, { consecutive5xxErrors: 1, baseEjectionTimeMs: 200_000 });
    let now = 1;
    for (let i = 0; i < 5; i++) {
      record(first, [500], now);
      now += 310_000;
      detector.refresh(now);
      expect(first.ejected).toBe(false);
      now++;
    }
    const long = setup(2, { consecutive5xxErrors: 1, baseEjectionTimeMs: 900_000 });
    record(long.first, [500], 1);
    long.detector.refresh(890_000);
    expect(long.first.ejected).toBe(true);
    long.detector.refresh(910_001);
    expect(long.first.ejected).toBe(false);
  });

  it("with nothing held against it", () => {
    const { detector, first } = setup(2, { consecutive5xxErrors: 2 });
    record(first, [500, 500, 500], 1);
    detector.refresh(40_000);
    record(first, [500], 40_001);
    expect(first.ejected).toBe(false);
  });
});

describe("a detector", () => {
  it("has the same outcome whenever somebody looks", () => {
    const event = fc.record({
      wait: fc.integer({ min: 1, max: 25_000 }),
      host: fc.nat(5),
      status: fc.constantFrom(200, 500, 503, 0),
    });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 120 }),
        fc.integer({ min: 1, max: 100 }),
        (events, percent) => {
          const fields = { consecutive5xxErrors: 2, maxEjectionPercent: percent };
          const lazy = setup(6, fields);
          const eager = setup(6, fields);
          let now = 0;
          for (const { wait, host, status } of events) {
            for (let step = 0; step < wait; step += 1_000) eager.detector.refresh(now + step);
            now += wait;
            lazy.monitors[host]?.record(status, now);
            eager.monitors[host]?.record(status, now);
          }
          const state = ({ detector, monitors }: typeof lazy) => [
            detector.refresh(now),
            detector.ejections,
            detector.ejected,
            ...monitors.map((monitor) => [monitor.ejected, monitor.backoff]),
          ];
          expect(state(lazy).slice(1)).toEqual(state(eager).slice(1));
        },
      ),
    );
  });

  it("never holds more out than it may, and counts right as endpoints come and go", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("fail" as const), host: fc.nat(20), wait: fc.nat(15_000) }),
      fc.record({
        kind: fc.constantFrom("join" as const, "leave" as const),
        host: fc.nat(20),
        wait: fc.nat(5),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), fc.integer({ min: 1, max: 100 }), (steps, percent) => {
        const { detector, monitors } = setup(4, { consecutive5xxErrors: 1, maxEjectionPercent: percent });
        let now = 0;
        for (const { kind, host, wait } of steps) {
          now += wait;
          const at = host % Math.max(monitors.length, 1);
          const before = detector.ejected;
          if (kind === "join") monitors.push(detector.watch());
          else if (kind === "leave") for (const gone of monitors.splice(at, 1)) detector.forget(gone);
          else {
            const was = monitors[at]?.ejected;
            monitors[at]?.record(500, now);
            const most = Math.max(Math.floor((monitors.length * percent) / 100), monitors.length > 1 ? 1 : 0);
            if (was === false && monitors[at]?.ejected === true)
              expect(detector.ejected).toBeLessThanOrEqual(Math.max(most, before));
          }
          expect(detector.ejected).toBe(monitors.filter(({ ejected }) => ejected).length);
        }
      }),
    );
  });

  it("goes on under another policy with what it knows", () => {
    const { detector, first } = setup(2, { consecutive5xxErrors: 1 });
    record(first, [500], 1);
    const version = detector.refresh(2);
    detector.update(policyOf({ baseEjectionTimeMs: 1_000 }));
    expect(detector.refresh(2)).not.toBe(version);
    expect(first.ejected).toBe(true);
    detector.refresh(10_000);
    expect(first.ejected).toBe(false);
  });
});
