import { expect, it } from "vitest";
import { soak, thirds } from "../support/soak.ts";

/** The short form of `hack/soak`, which goes on for half an hour. */
it("traffic of every kind leaves nothing behind in either proxy's memory", async () => {
  const { requests, errors, samples } = await soak({ seconds: 24, address: "127.0.5.1", clients: 16 });
  expect(errors).toEqual([]);
  expect(requests).toBeGreaterThan(1_000);
  for (const side of ["client", "server"] as const) {
    const held = samples.map((sample) => sample[side]);
    expect(Math.max(...held), `${side}: ${held.map((mb) => mb.toFixed(1)).join(" ")}`).toBeLessThan(64);
    const { middle, last } = thirds(held);
    expect(last - middle, `${side}: ${held.map((mb) => mb.toFixed(1)).join(" ")}`).toBeLessThan(6);
  }
});
