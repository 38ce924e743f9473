import { describe, expect, it } from "vitest";
import type { HeaderStep } from "../route/headers.ts";
import { editsOf, oneLine } from "./route-actions.ts";

const lookup = (variable: string) => (variable === "PROTOCOL" ? "HTTP/1.1" : undefined);

describe("header operations", () => {
  it("become what to drop and what to add, in order", () => {
    const steps: HeaderStep[] = [
      { op: "remove", name: "x-gone" },
      { op: "set", name: "x-set", value: "1" },
      { op: "add", name: "x-add", value: "a" },
      { op: "add", name: "x-add", value: "%PROTOCOL%" },
    ];
    const { remove, add } = editsOf(steps, lookup);
    expect([...(remove ?? [])]).toEqual(["x-gone", "x-set"]);
    expect(add).toBe("x-set: 1\r\nx-add: a\r\nx-add: HTTP/1.1\r\n");
  });

  it("let a later set replace what an earlier step added", () => {
    const steps: HeaderStep[] = [
      { op: "add", name: "x", value: "1" },
      { op: "set", name: "x", value: "2" },
    ];
    expect(editsOf(steps, lookup).add).toBe("x: 2\r\n");
  });

  it("never add a second Host", () => {
    expect(editsOf([{ op: "set", name: "host", value: "a" }], lookup)).toEqual({
      remove: undefined,
      add: undefined,
    });
  });

  it("cannot begin a line of their own", () => {
    expect(oneLine("a\r\nx-forged: 1\0")).toBe("a  x-forged: 1 ");
  });
});
