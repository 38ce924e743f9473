import { exclusive, type Field } from "./field.ts";
import { checkSelector } from "./labels.ts";

const targetKinds = ["Service", "ServiceEntry", "Gateway", "GatewayClass"];
const groupOf: Readonly<Record<string, string>> = {
  Service: "",
  ServiceEntry: "networking.istio.io",
  Gateway: "gateway.networking.k8s.io",
  GatewayClass: "gateway.networking.k8s.io",
};
const mostTargets = 16;

/** What a policy is for: workloads by their labels, or gateways and services by name; `spec` says one of these. */
export function checkTargets(spec: Field): void {
  exclusive(spec, ["selector", "targetRef", "targetRefs"]);
  checkSelector(spec.at("selector"));
  if (spec.at("targetRef").present) checkTarget(spec.at("targetRef"));
  const targets = spec.at("targetRefs");
  if (targets.size > mostTargets)
    targets.forbidden(`${targets.size} targets; at most ${mostTargets} are allowed`);
  for (const target of targets.items().slice(0, mostTargets)) checkTarget(target);
}

function checkTarget(field: Field): void {
  if (!field.object(["group", "kind", "name", "namespace"])) return;
  if (!field.at("name").text()) field.at("name").required("the target's name");
  if (field.at("namespace").text())
    field.at("namespace").forbidden("a target is of the policy's own namespace");
  if (!field.at("kind").present) {
    field.at("kind").required(`one of ${targetKinds.join(", ")}`);
    return;
  }
  const kind = field.at("kind").choice(targetKinds);
  const group = field.at("group").text() ?? "";
  const expected = kind === undefined ? undefined : groupOf[kind];
  if (expected === undefined || group === expected || (expected === "" && group === "core")) return;
  field.at("group").invalid(`must be ${JSON.stringify(expected)} for kind ${kind}`);
}
