import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binaryOf, jsonOf, type Metrics, messageOf, textOf } from "./report.fixture.ts";
import { readLoadReport } from "./report.ts";

const read = (headers: Readonly<Record<string, string>>) =>
  readLoadReport({ header: (name) => headers[name] });
const plain = (value: string) => read({ "endpoint-load-metrics": value });
const binary = (value: string) => read({ "endpoint-load-metrics-bin": value });
const found = (report: ReturnType<typeof read>) => report && Object.fromEntries(report);

const metrics: Metrics = {
  cpu_utilization: 0.25,
  mem_utilization: 0.5,
  application_utilization: 1.5,
  rps_fractional: 120.5,
  eps: 2,
  "named_metrics.queue": 7,
  "utilization.disk": 0.125,
  "request_cost.rows": 300,
};

describe("a load report", () => {
  it.each([
    ["text", { "endpoint-load-metrics": textOf(metrics) }],
    ["text with colons and spaces", { "endpoint-load-metrics": textOf(metrics).replaceAll("=", ": ") }],
    ["JSON", { "endpoint-load-metrics": jsonOf(metrics) }],
    ["a message", { "endpoint-load-metrics": `BIN ${binaryOf(metrics)}` }],
    ["gRPC's message", { "endpoint-load-metrics-bin": binaryOf(metrics) }],
    ["a message without padding", { "endpoint-load-metrics-bin": binaryOf(metrics, false) }],
    [
      "both, of which gRPC's counts",
      { "endpoint-load-metrics-bin": binaryOf(metrics), "endpoint-load-metrics": "?" },
    ],
  ])("is read from %s", (_, headers) => {
    expect(found(read(headers))).toEqual(metrics);
  });

  it("is in JSON as protobuf has it: camel case, numbers as strings, null for nothing", () => {
    const json = `{"cpuUtilization":"0.5","rpsFractional":3,"namedMetrics":{"a":1},"eps":null,"rps":"3"}`;
    expect(found(plain(`JSON ${json}`))).toEqual({
      cpu_utilization: 0.5,
      rps_fractional: 3,
      "named_metrics.a": 1,
    });
  });

  it("may have fields that its message gets in future, and a former one", () => {
    const others = Buffer.from([
      ...[0x18, 0x96, 0x01], // 3: rps
      ...[0x50, 0x01, 0x5a, 0x02, 1, 2, 0x65, 1, 2, 3, 4], // 10, 11 and 12, of three types
      ...[0x0a, 0x01, 0xff], // 1 of another type
    ]);
    const message = Buffer.concat([others, messageOf({ eps: 1 })]).toString("base64");
    expect(found(binary(message))).toEqual({ eps: 1 });
  });

  it("has nothing to say without a header", () => {
    expect(read({})).toBeUndefined();
  });

  it.each([
    "",
    "TEXT",
    "TEXT ",
    "text eps=1",
    "XML <eps>1</eps>",
    "TEXT eps",
    "TEXT eps=",
    "TEXT =1",
    "TEXT eps=-1",
    "TEXT eps=NaN",
    "TEXT eps=Infinity",
    "TEXT eps=1e999",
    "TEXT eps=0x10",
    "TEXT eps=1=2",
    "TEXT eps=1,",
    "TEXT eps=1,eps=1",
    "TEXT speed=1",
    "TEXT named_metrics.=1",
    "TEXT other.metric=1",
    "JSON",
    "JSON {",
    "JSON []",
    "JSON null",
    'JSON {"eps":-1}',
    'JSON {"eps":true}',
    'JSON {"eps":""}',
    'JSON {"eps":"NaN"}',
    'JSON {"speed":1}',
    'JSON {"named_metrics":1}',
    'JSON {"named_metrics":{"a":{}}}',
    'JSON {"__proto__":1}',
    `JSON ${"[".repeat(8_000)}`,
    "BIN ",
    "BIN ?",
    "BIN A",
    "BIN AAAA=AAA",
    textOf({ eps: 1 }).padEnd(9_000, " "),
  ])("is ignored as a whole when it is %j", (value) => {
    expect(plain(value)).toBeUndefined();
  });

  it.each([
    ["a cut value", messageOf({ eps: 1 }).subarray(0, 8)],
    ["a cut length", Buffer.from([0x42, 0x80])],
    ["a length beyond the end", Buffer.from([0x42, 0x05, 0x0a])],
    ["an endless number", Buffer.alloc(11, 0xff)],
    ["a group", Buffer.from([0x0b])],
    ["field 0", Buffer.from([0x01, 0, 0, 0, 0, 0, 0, 0, 0])],
    ["a negative value", messageOf({ eps: -1 })],
    ["no number", messageOf({ "named_metrics.a": Number.NaN })],
    ["an infinite value", messageOf({ cpu_utilization: Number.POSITIVE_INFINITY })],
    ["a malformed entry", Buffer.from([0x42, 0x02, 0x0a, 0x7f])],
  ])("is ignored as a whole when its message has %s", (_, message) => {
    expect(binary(message.toString("base64"))).toBeUndefined();
  });
});

const name = fc.oneof(
  fc.constantFrom("cpu_utilization", "mem_utilization", "application_utilization", "rps_fractional", "eps"),
  fc
    .tuple(
      fc.constantFrom("named_metrics", "utilization", "request_cost"),
      fc.stringMatching(/^[a-z][a-z.-]{0,12}$/),
    )
    .map((parts) => parts.join(".")),
);
const report = fc.dictionary(name, fc.double({ min: 0, max: 1e9, noNaN: true }), { minKeys: 1 });

describe("any load report", () => {
  it("says the same in every form", () => {
    fc.assert(
      fc.property(report, (any) => {
        // -0 is written as 0, and is none of the difference.
        const expected = Object.fromEntries(Object.entries(any).map(([key, value]) => [key, value + 0]));
        const forms = [
          plain(textOf(any)),
          plain(jsonOf(any)),
          binary(binaryOf(any)),
          binary(binaryOf(any, false)),
        ];
        for (const form of forms) expect(found(form)).toEqual(expected);
      }),
    );
  });

  it("is good numbers or nothing, whatever the bytes", () => {
    const broken = fc.tuple(report, fc.nat(200), fc.integer({ min: 0, max: 255 })).map(([any, at, byte]) => {
      const message = messageOf(any);
      message[at % message.length] = byte;
      return message.toString("base64");
    });
    const forms = fc.oneof(
      broken.map((value) => binary(value)),
      fc.uint8Array().map((bytes) => binary(Buffer.from(bytes).toString("base64"))),
      fc.string().map((value) => binary(value)),
      fc
        .tuple(fc.constantFrom("TEXT ", "JSON ", "BIN ", ""), fc.string())
        .map((parts) => plain(parts.join(""))),
      fc.json().map((value) => plain(`JSON ${value}`)),
      fc.tuple(report, fc.nat(100), fc.string({ maxLength: 3 })).map(([any, at, more]) => {
        const text = textOf(any);
        return plain(text.slice(0, at) + more + text.slice(at));
      }),
    );
    fc.assert(
      fc.property(forms, (any) => {
        for (const value of any?.values() ?? [])
          expect(value >= 0 && value < Number.POSITIVE_INFINITY).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
