import fc from "fast-check";
import { expect, test } from "vitest";
import { annotations, withoutEffect } from "./annotations.ts";
import { podReview, testSettings } from "./fixtures.ts";
import { handleInject } from "./handle.ts";

/** Names that injection looks for, and some that objects inherit. */
const members = [
  ..."name image ports containerPort livenessProbe readinessProbe startupProbe lifecycle postStart preStop httpGet tcpSocket".split(
    " ",
  ),
  ..."grpc port host path timeoutSeconds restartPolicy securityContext runAsUser env value volumeMounts mountPath resources".split(
    " ",
  ),
  ..."containers initContainers volumes imagePullSecrets nodeSelector os hostNetwork metadata spec labels annotations".split(
    " ",
  ),
  ..."ownerReferences kind controller toString valueOf constructor __proto__".split(" "),
];
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(
      "istio-proxy",
      "istio-init",
      "auto",
      "app",
      "http",
      "Job",
      "ReplicaSet",
      8080,
      1337,
      -1,
      true,
      null,
      "",
    ),
    fc.string(),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...members), tie("json"), { maxKeys: 6 }),
  ),
}));
const given = fc.dictionary(
  fc.constantFrom(
    ...Object.values(annotations),
    ...withoutEffect,
    "prometheus.io/port",
    "prometheus.io/path",
  ),
  fc.oneof(
    fc.string(),
    fc.json(),
    fc.constantFrom(
      "true",
      "false",
      "0",
      "*",
      "1,2",
      "10.0.0.0/8",
      "100m",
      "NONE",
      "&a [*a]",
      "{a: &x 1, b: *x}",
      "!!js/x y",
      "- - -",
    ),
  ),
);
const pod = fc.record({
  metadata: fc.record(
    { annotations: given, labels: json, ownerReferences: json, generateName: json },
    { requiredKeys: [] },
  ),
  spec: fc
    .tuple(
      fc.dictionary(fc.constantFrom(...members), json, { maxKeys: 5 }),
      fc.array(fc.dictionary(fc.constantFrom(...members), json, { maxKeys: 6 }), { maxLength: 3 }),
    )
    .map(([spec, containers]) => ({ ...spec, containers })),
});

test("whatever a pod holds, the answer is a patch, no patch or a refusal that says why", () => {
  let injected = 0;
  fc.assert(
    fc.property(pod, (object) => {
      // Through text, as the API server sends it.
      const review: unknown = JSON.parse(JSON.stringify(podReview(object)));
      const { response } = handleInject(review, testSettings());
      expect(response?.uid).not.toBe("");
      if (response?.patch !== undefined) injected++;
      if (response?.allowed === false) expect(response.status?.message).not.toBe("");
      for (const warning of response?.warnings ?? []) expect(warning.length).toBeLessThanOrEqual(120);
    }),
    { numRuns: 400 },
  );
  expect(injected).toBeGreaterThan(20);
});
