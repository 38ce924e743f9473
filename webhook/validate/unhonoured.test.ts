import { describe, expect, it, test } from "vitest";
import { Report } from "../report.ts";
import { Field } from "./field.ts";
import { objectOf } from "./fixtures.ts";
import { fieldsOf, type Unhonoured, unhonoured, warnUnhonoured } from "./unhonoured.ts";
import { validate } from "./validate.ts";

/** A spec that has exactly this path, with this value at its end. */
function specWith(path: string, value: unknown): unknown {
  return path.split(".").reduceRight<unknown>((inner, name) => {
    const list = name.endsWith("[]");
    return { [list ? name.slice(0, -2) : name]: list ? [inner] : inner };
  }, value);
}

const sample = ({ values }: Unhonoured) => (values?.[0] ?? "set").replace("*", "x");

function warnings(kind: string, spec: unknown, rows?: readonly Unhonoured[]): readonly string[] {
  const report = new Report();
  warnUnhonoured(new Field(report, "spec", spec), kind, rows);
  return report.warnings;
}

describe("a field that is not honoured yet", () => {
  const cases = unhonoured.flatMap((row) => fieldsOf(row).map((field) => ({ ...row, row, at: field })));
  test.each(cases)("$kind: $at is warned of by its name", ({ kind, at, row }) => {
    const told = warnings(kind, specWith(at, sample(row)));
    const path = `spec.${at.replaceAll("[]", "[0]")}`;
    const ours = told.filter((warning) => warning.startsWith(`${path}:`));
    expect(ours).toHaveLength(1);
    expect(ours[0]).toContain(" not honoured yet: ");
    expect(ours[0]?.length).toBeLessThanOrEqual(120);
  });

  test.each(cases)("$kind: $at is not warned of where it is absent", ({ kind }) => {
    expect(warnings(kind, {})).toEqual([]);
    expect(warnings(kind, undefined)).toEqual([]);
  });

  const row = { kind: "VirtualService", field: "http[].match[].x", instead: "nothing" } as const;
  const match = (...values: unknown[]) => ({ http: [{}, { match: values.map((x) => ({ x })) }] });

  it("is told of once, with how often", () => {
    expect(warnings("VirtualService", match("a", "b", null), [row])).toEqual([
      "spec.http[1].match[0].x: not honoured yet (and 1 more): nothing",
    ]);
  });

  it("is none of another kind's", () => {
    expect(warnings("DestinationRule", match("a"), [row])).toEqual([]);
  });

  it("of which only some values are not honoured, is warned of for these", () => {
    const rows = [{ ...row, values: ["false", "some.*"] }];
    expect(warnings("VirtualService", match(true, "some", "awesome.x"), rows)).toEqual([]);
    for (const value of [false, "some.thing"]) {
      expect(warnings("VirtualService", match(value), rows)).toEqual([
        `spec.http[1].match[0].x: ${value} not honoured yet: nothing`,
      ]);
    }
  });

  it("is never assumed to have its shape", () => {
    for (const odd of [null, 1, "x", [], [null], { http: {} }, { http: [null, 1, [[]]] }, { rules: "x" }])
      for (const { kind } of unhonoured) expect(warnings(kind, odd)).toEqual([]);
  });

  it("stands in the table once", () => {
    const names = unhonoured.map(({ kind, field }) => `${kind} ${field}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

test("a variable in a header's value that is not honoured yet is warned of by its name", () => {
  const set = { "x-a": "100%% %REQ(x)% %TRACE_ID%" };
  const spec = {
    hosts: ["a"],
    http: [{ route: [{ destination: { host: "a" } }], headers: { request: { set } } }],
  };
  expect(validate(objectOf("VirtualService", spec)).warnings).toEqual([
    "spec.http[0].headers.request.set[x-a]: %TRACE_ID% is not honoured yet: it is empty",
  ]);
});
