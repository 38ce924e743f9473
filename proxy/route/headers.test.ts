import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expandValue, oneLine } from "./format.ts";
import { authorityOf, editsOf, FRAMING_HEADERS, type HeaderStep, planHeaders } from "./headers.ts";

const values: Record<string, string> = { PROTOCOL: "HTTP/1.1", "REQ(x-a)": "12345" };
const lookup = (name: string, argument: string) => values[argument === "" ? name : `${name}(${argument})`];
const nothing = () => undefined;

describe("header operations", () => {
  it("take the destination's before the route's, and removal first", () => {
    const ops = (name: string) => ({
      set: { [`${name}-Set`]: "1" },
      add: { [`${name}-add`]: "2" },
      remove: [`${name}-remove`],
    });
    const plan = planHeaders({ request: ops("D") }, { request: ops("R"), response: ops("R") });
    expect(plan.request.map((step) => `${step.op} ${step.name}`)).toEqual([
      "remove d-remove",
      "set d-set",
      "add d-add",
      "remove r-remove",
      "set r-set",
      "add r-add",
    ]);
    expect(plan.response).toHaveLength(3);
    expect(planHeaders(undefined, undefined)).toMatchObject({ request: [], response: [] });
  });

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

  it("are worked out once where no variable differs from request to request", () => {
    const set = (value: string) =>
      planHeaders(undefined, { request: { set: { x: value }, add: {}, remove: [] } });
    expect(set("1").fixedRequest).toEqual({ remove: new Set(["x"]), add: "x: 1\r\n" });
    expect(set("%PROTOCOL%").fixedRequest).toBeUndefined();
  });

  it("change nothing with a format that comes to nothing, but may set an empty value", () => {
    const set = (value: string): HeaderStep[] => [{ op: "set", name: "x", value }];
    expect(editsOf(set("%REQ(x-none)%"), lookup)).toEqual({ remove: undefined, add: undefined });
    expect(editsOf(set(""), lookup)).toEqual({ remove: new Set(["x"]), add: "x: \r\n" });
  });

  it.each(["host", "Host", ":authority"])(
    "take %s for the authority, and never add a second Host",
    (name) => {
      for (const op of ["set", "add"] as const) {
        const ops = { set: {}, add: {}, remove: [], [op]: { [name]: "pay.%PROTOCOL%" } };
        const { request } = planHeaders(undefined, { request: ops });
        expect(authorityOf(request, lookup)).toBe("pay.HTTP/1.1");
        expect(editsOf(request, lookup)).toEqual({ remove: undefined, add: undefined });
      }
    },
  );

  it("leave the authority that they do not name, or cannot fill in", () => {
    expect(authorityOf([{ op: "set", name: "x", value: "1" }], lookup)).toBeUndefined();
    expect(authorityOf([{ op: "set", name: "host", value: "%REQ(x-none)%" }], lookup)).toBeUndefined();
  });

  it("never touch how a message is framed", () => {
    for (const name of FRAMING_HEADERS) {
      const upper = name.toUpperCase();
      const ops = { set: { [upper]: "1" }, add: { [name]: "2" }, remove: [upper] };
      expect(planHeaders({ request: ops }, { response: ops })).toMatchObject({ request: [], response: [] });
    }
  });
});

describe("a value with variables", () => {
  it("has them filled in; what is not known is empty", () => {
    expect(expandValue("100%% of %PROTOCOL% %REQ(x-a)% [%NOPE%]", lookup)).toBe("100% of HTTP/1.1 12345 []");
    expect(expandValue("plain", lookup)).toBe("plain");
  });

  it("may keep the first characters alone", () => {
    expect(expandValue("%REQ(x-a):3%", lookup)).toBe("123");
  });

  it("leaves what is no variable as it is", () => {
    expect(expandValue("50% off, %lower%, %", lookup)).toBe("50% off, %lower%, %");
  });

  it("is itself, for any text with its percent signs doubled", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(expandValue(text.replaceAll("%", "%%"), nothing)).toBe(text);
      }),
    );
  });

  it("cannot begin a line of its own", () => {
    expect(oneLine("a\r\nx-forged: 1\0")).toBe("a  x-forged: 1 ");
    const forged = editsOf([{ op: "set", name: "x", value: "%REQ(y)%" }], () => "a\r\nz: 1");
    expect(forged.add).toBe("x: a  z: 1\r\n");
  });
});
