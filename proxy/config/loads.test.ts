import { describe, expect, it } from "vitest";
import { FakeClock } from "./clock.fake.ts";
import { ConfigError } from "./errors.ts";
import { createLoads } from "./loads.ts";

const setup = () => {
  const clock = new FakeClock();
  return { clock, loads: createLoads(clock, 5_000) };
};

describe("waiting for services", () => {
  it("ends for all who wait when the service is loaded, and only for them", async () => {
    const { clock, loads } = setup();
    const first = loads.wait("a");
    expect(loads.wait("a")).toBe(first);
    const other = loads.wait("b");
    loads.settle((key) => key === "a");
    await first;
    expect(clock.pending).toBe(1);
    loads.settle(() => true);
    await other;
    expect(clock.pending).toBe(0);
  });

  it("has a bound, after which the next one waits anew", async () => {
    const { clock, loads } = setup();
    const late = expect(loads.wait("a")).rejects.toThrow(/WEFT_CONFIG_NOT_LOADED.*not loaded within 5000 ms/);
    await clock.advance(5_000);
    await late;
    const again = loads.wait("a");
    loads.settle(() => true);
    await again;
  });

  it("ends with the proxy", async () => {
    const { clock, loads } = setup();
    const waiting = expect(loads.wait("a")).rejects.toBeInstanceOf(ConfigError);
    loads.close();
    await waiting;
    expect(clock.pending).toBe(0);
  });
});
