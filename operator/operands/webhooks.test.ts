import { describe, expect, it } from "vitest";
import { inputs, makeInstallation } from "../installation.fixture.ts";
import { injectorOperand, validatorOperand } from "./webhooks.ts";

interface Requirement {
  key: string;
  operator: string;
  values?: string[];
}
interface Webhook {
  name: string;
  clientConfig: { service: object; caBundle: string };
  rules: Record<string, unknown>[];
  namespaceSelector?: { matchExpressions: Requirement[] };
  objectSelector: { matchExpressions: Requirement[] };
  failurePolicy: string;
  [field: string]: unknown;
}
type Labels = Record<string, string>;

const injector = (revision = "default") =>
  injectorOperand(makeInstallation({ revision }), inputs).object.webhooks as Webhook[];
const validator = (revision = "default") =>
  validatorOperand(makeInstallation({ revision }), inputs).object.webhooks as Webhook[];

/** A label selector's expressions as the API server evaluates them (apimachinery labels.Requirement). */
const matches = (expressions: readonly Requirement[], labels: Labels) =>
  expressions.every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === "In") return value !== undefined && values.includes(value);
    if (operator === "NotIn") return value === undefined || !values.includes(value);
    return operator === "Exists" ? value !== undefined : value === undefined;
  });
const asked = (webhooks: readonly Webhook[], pod: Labels, namespace: Labels = {}) =>
  webhooks
    .filter(
      (webhook) =>
        matches(webhook.namespaceSelector?.matchExpressions ?? [], namespace) &&
        matches(webhook.objectSelector.matchExpressions, pod),
    )
    .map(({ name }) => name);

const enabled = { "istio-injection": "enabled" };
const disabled = { "istio-injection": "disabled" };
const inject = (value: string) => ({ "sidecar.istio.io/inject": value });
const rev = (value: string) => ({ "istio.io/rev": value });

describe("the injector of the default revision", () => {
  it.each<[string, Labels, Labels, string[]]>([
    ["in a namespace without labels", {}, {}, []],
    ["in an enabled namespace", {}, enabled, ["namespace"]],
    ["that declines in an enabled namespace", inject("false"), enabled, []],
    ["that asks in a namespace without labels", inject("true"), {}, ["object"]],
    ["that asks in a disabled namespace", inject("true"), disabled, []],
    ["in a namespace of revision default", {}, rev("default"), ["rev.namespace"]],
    ["in a namespace of another revision", {}, rev("canary"), []],
    ["of revision default in a namespace without labels", rev("default"), {}, ["rev.object"]],
    ["of another revision that asks", { ...rev("canary"), ...inject("true") }, {}, []],
    ["in a namespace with both labels", {}, { ...enabled, ...rev("canary") }, ["namespace"]],
    [
      "in kube-system, though it is enabled",
      {},
      { ...enabled, "kubernetes.io/metadata.name": "kube-system" },
      [],
    ],
    ["in the operator's namespace", inject("true"), { "kubernetes.io/metadata.name": "weft-system" }, []],
    ["in the control plane's", inject("true"), { "kubernetes.io/metadata.name": "istio-system" }, []],
  ])("sees a pod %s as Istio's does", (_where, pod, namespace, entries) => {
    expect(asked(injector(), pod, namespace)).toEqual(
      entries.map((name) => `${name}.sidecar-injector.istio.io`),
    );
  });

  it("is asked once at most, together with that of another revision, whatever the labels", () => {
    const both = [...injector(), ...injector("canary")];
    const values = (key: string, options: string[]) => [{}, ...options.map((value) => ({ [key]: value }))];
    for (const ns of values("istio-injection", ["enabled", "disabled", "x"])) {
      for (const nsRev of values("istio.io/rev", ["default", "canary", "x"])) {
        for (const podRev of values("istio.io/rev", ["default", "canary", "x"])) {
          for (const wish of values("sidecar.istio.io/inject", ["true", "false", "x"])) {
            expect(asked(both, { ...podRev, ...wish }, { ...ns, ...nsRev }).length).toBeLessThanOrEqual(1);
          }
        }
      }
    }
  });

  it("asks for the creation of pods alone, in five seconds, without side effects", () => {
    for (const webhook of injector()) {
      expect(webhook).toMatchObject({
        rules: [
          {
            operations: ["CREATE"],
            apiGroups: [""],
            apiVersions: ["v1"],
            resources: ["pods"],
            scope: "Namespaced",
          },
        ],
        clientConfig: {
          service: { name: "control-default", namespace: "istio-system", path: "/inject", port: 443 },
        },
        failurePolicy: "Ignore",
        timeoutSeconds: 5,
        sideEffects: "None",
        reinvocationPolicy: "IfNeeded",
        matchPolicy: "Equivalent",
        admissionReviewVersions: ["v1"],
      });
      expect(Buffer.from(webhook.clientConfig.caBundle, "base64").toString()).toBe(inputs.trustBundle);
    }
  });

  it("fails closed when that is asked for", () => {
    const strict = makeInstallation({ injection: { failurePolicy: "Fail" } });
    const webhooks = injectorOperand(strict, inputs).object.webhooks as Webhook[];
    expect(webhooks.map(({ failurePolicy }) => failurePolicy)).toEqual(["Fail", "Fail", "Fail", "Fail"]);
  });
});

describe("the validators", () => {
  it.each<[string, Labels, string[]]>([
    ["without a label", {}, ["default validation.istio.io"]],
    ["of revision default", rev("default"), ["default rev.validation.istio.io"]],
    ["of revision canary", rev("canary"), ["canary rev.validation.istio.io"]],
    ["of a revision that is not there", rev("gone"), []],
  ])("have one that sees a resource %s", (_name, labels, expected) => {
    const seen = ["default", "canary"].flatMap((revision) =>
      asked(validator(revision), labels).map((name) => `${revision} ${name}`),
    );
    expect(seen).toEqual(expected);
  });

  it("see mesh resources of users, in every namespace, and nothing that heals the control plane", () => {
    for (const webhook of validator()) {
      expect(webhook.rules).toEqual([
        {
          operations: ["CREATE", "UPDATE"],
          apiGroups: ["networking.istio.io", "security.istio.io"],
          apiVersions: ["*"],
          resources: ["*"],
          scope: "Namespaced",
        },
      ]);
      expect(webhook).not.toHaveProperty("namespaceSelector");
      expect(webhook).toMatchObject({ failurePolicy: "Fail", timeoutSeconds: 5, sideEffects: "None" });
    }
  });
});
