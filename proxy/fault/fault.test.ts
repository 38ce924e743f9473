import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileFault, drawAbort, drawDelay, type Faults } from "./fault.ts";

const certain = (faults: Faults | undefined) => faults ?? expect.fail("no fault");
const always = () => 0;
const never = () => 0.999_999_999;

describe("a fault", () => {
  it.each([
    ["nothing", undefined],
    ["an empty fault", {}],
    ["a delay of no request", { delay: { fixedMs: 5000, percent: 0 } }],
    ["a delay of no time", { delay: { fixedMs: 0, percent: 100 } }],
    ["an abort of no request", { abort: { httpStatus: 503, percent: 0 } }],
    ["an abort that names no status", { abort: { percent: 100 } }],
    ["an abort with a status that gRPC does not have", { abort: { grpcStatus: "SOSO", percent: 100 } }],
  ])("costs nothing where there is %s", (_, fault) => {
    expect(compileFault(fault)).toBeUndefined();
  });

  it("delays by what it says, and aborts with the status that it says", () => {
    const faults = certain(
      compileFault({ delay: { fixedMs: 5000, percent: 10 }, abort: { httpStatus: 503, percent: 5 } }),
    );
    expect(drawDelay(faults, always)).toBe(5000);
    expect(drawAbort(faults, always)).toMatchObject({ status: 503, grpcStatus: undefined });
    expect(drawDelay(faults, never)).toBe(0);
    expect(drawAbort(faults, never)).toBeUndefined();
  });

  it("aborts with a gRPC status over an HTTP status of 200", () => {
    const faults = certain(compileFault({ abort: { grpcStatus: "UNAVAILABLE", percent: 100 } }));
    expect(drawAbort(faults, never)).toMatchObject({ status: 200, grpcStatus: 14 });
  });

  it("prefers the HTTP status where both are set", () => {
    const faults = certain(compileFault({ abort: { httpStatus: 500, grpcStatus: "ABORTED", percent: 100 } }));
    expect(drawAbort(faults, never)).toMatchObject({ status: 500, grpcStatus: undefined });
  });

  it("meets every request at 100 per cent, and none at the edge of its share", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (drawn) => {
        const all = certain(compileFault({ delay: { fixedMs: 1, percent: 100 } }));
        expect(drawDelay(all, () => drawn)).toBe(1);
        const some = certain(compileFault({ delay: { fixedMs: 1, percent: 25 } }));
        expect(drawDelay(some, () => drawn)).toBe(drawn < 0.25 ? 1 : 0);
      }),
    );
  });

  it("draws delay and abort independently of one another", () => {
    const faults = certain(
      compileFault({ delay: { fixedMs: 1, percent: 50 }, abort: { httpStatus: 500, percent: 50 } }),
    );
    const outcomes = [always, never].flatMap((delay) =>
      [always, never].map((abort) => [drawDelay(faults, delay) > 0, drawAbort(faults, abort) !== undefined]),
    );
    expect(outcomes).toEqual([
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]);
  });

  it("draws for itself alone: a fault without a delay takes no number for one", () => {
    let drawn = 0;
    const random = () => {
      drawn++;
      return 0.5;
    };
    const faults = certain(compileFault({ abort: { httpStatus: 500, percent: 1 } }));
    drawDelay(faults, random);
    expect(drawn).toBe(0);
  });
});
