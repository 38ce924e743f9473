import { describe, expect, it } from "vitest";
import { createFakeClock } from "../../kube/clock.fake.ts";
import { createCoalescer } from "./coalesce.ts";

/** Every release counts as a write, as for a key whose content changes each time. */
function stand(writes = true) {
  const clock = createFakeClock();
  const released: string[] = [];
  const coalescer = createCoalescer<string>({
    clock,
    release(key) {
      released.push(`${key}@${clock.monotonic()}`);
      if (writes) coalescer.wrote(key);
    },
  });
  return { clock, coalescer, released };
}

describe("the coalescer", () => {
  it("releases a lone change at once", async () => {
    const { clock, coalescer, released } = stand();
    coalescer.changed("a");
    await clock.advance(100);
    coalescer.changed("a");
    expect(released).toEqual(["a@0", "a@100"]);
    expect(clock.pending).toBe(0);
  });

  it("holds the rest of a burst until 100 ms have been quiet", async () => {
    const { clock, coalescer, released } = stand();
    for (let n = 0; n < 5; n++) {
      coalescer.changed("a");
      await clock.advance(50);
    }
    await clock.advance(1000);
    expect(released).toEqual(["a@0", "a@300"]);
  });

  it("holds a burst that does not end for a second at most", async () => {
    const { clock, coalescer, released } = stand();
    for (let n = 0; n < 50; n++) {
      coalescer.changed("a");
      await clock.advance(50);
    }
    expect(released).toEqual(["a@0", "a@1050", "a@2050"]);
  });

  it("keeps keys apart: one key's burst delays no other's change", async () => {
    const { clock, coalescer, released } = stand();
    coalescer.changed("busy");
    await clock.advance(10);
    coalescer.changed("busy");
    await clock.advance(10);
    coalescer.changed("calm");
    expect(released).toEqual(["busy@0", "calm@20"]);
  });

  it("holds nothing back for changes that altered nothing", async () => {
    const { clock, coalescer, released } = stand(false);
    coalescer.changed("a");
    await clock.advance(10);
    coalescer.changed("a");
    expect(released).toEqual(["a@0", "a@10"]);
  });

  it("releases nothing of a key that is gone, nor anything once closed", async () => {
    const { clock, coalescer, released } = stand();
    for (const key of ["a", "b", "a", "b"]) coalescer.changed(key);
    coalescer.forget("a");
    coalescer.close();
    await clock.advance(5000);
    expect(released).toEqual(["a@0", "b@0"]);
    expect(clock.pending).toBe(0);
  });
});
