import { describe, expect, it } from "vitest";
import { bodyLimits } from "./body-limit.ts";
import { objects } from "./cluster.fake.ts";
import type { EnvoyFilter } from "./inputs.ts";

const filter = (config: string, listener = "", context = "SIDECAR_INBOUND") => `
kind: EnvoyFilter
metadata: {name: buffer, namespace: prod}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: ${context}, listener: {${listener}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.buffer
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, ${config}}
`;
const name = "EnvoyFilter/prod/buffer[0]";

describe("the limit of requests' bodies that an EnvoyFilter's buffer makes", () => {
  it.each<[string, string, object[]]>([
    ["of every port", filter("max_request_bytes: 1024"), [{ name, bytes: 1024 }]],
    [
      "of one port",
      filter("max_request_bytes: 1024", "portNumber: 8080"),
      [{ name, bytes: 1024, port: 8080 }],
    ],
    ["in camelCase and wrapped", filter("maxRequestBytes: {value: 7}"), [{ name, bytes: 7 }]],
    ["without a number", filter("stat_prefix: x"), []],
    ["of nothing", filter("max_request_bytes: 0"), []],
    ["on the way out", filter("max_request_bytes: 1024", "", "SIDECAR_OUTBOUND"), []],
  ])("%s", (_, yaml, expected) => {
    expect(objects(yaml).flatMap((each) => bodyLimits(each as EnvoyFilter))).toEqual(expected);
  });
});
