import type { Field } from "./field.ts";

const members = [
  "mode",
  "clientCertificate",
  "privateKey",
  "caCertificates",
  "caCrl",
  "credentialName",
  "subjectAltNames",
  "sni",
  "insecureSkipVerify",
];

const configMapScheme = "configmap://";

interface RuleContext {
  /** The DestinationRule's. */
  readonly namespace: string;
  /** It has a `workloadSelector`. */
  readonly forWorkloads: boolean;
}

/** `tls` of a traffic policy. With DISABLE and ISTIO_MUTUAL the other members are ignored. */
export function checkClientTls(field: Field, { namespace, forWorkloads }: RuleContext): void {
  if (!field.present || !field.object(members)) return;
  for (const name of [
    "clientCertificate",
    "privateKey",
    "caCertificates",
    "caCrl",
    "credentialName",
    "sni",
  ]) {
    field.at(name).text();
  }
  field.at("subjectAltNames").texts();
  const skip = field.at("insecureSkipVerify").boolean() === true;
  const mode = field.at("mode").choice(["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]);
  if (mode !== "SIMPLE" && mode !== "MUTUAL") return;
  if (skip) {
    const senseless = ["caCertificates", "subjectAltNames", ...(mode === "SIMPLE" ? ["credentialName"] : [])];
    forbidAll(field, senseless, "has no use with insecureSkipVerify: nothing is verified");
  }
  if (has(field, "caCrl") && !has(field, "caCertificates") && !has(field, "credentialName") && !skip) {
    field.at("caCrl").warn("every server is refused unless caCertificates has the authorities that sign it");
  }
  if (has(field, "credentialName")) {
    const others = ["clientCertificate", "privateKey", "caCertificates", "caCrl"];
    forbidAll(field, others, "may not be used together with credentialName");
    checkCredentialName(field.at("credentialName"), namespace);
    if (!forWorkloads)
      field.at("credentialName").warn("sidecars read it only where the rule has a workloadSelector");
  } else if (mode === "MUTUAL") {
    for (const name of ["clientCertificate", "privateKey"]) {
      if (!has(field, name))
        field.at(name).required("MUTUAL needs clientCertificate and privateKey, or credentialName");
    }
  }
}

function has(field: Field, name: string): boolean {
  return field.at(name).size > 0 || (typeof field.at(name).value === "string" && field.at(name).value !== "");
}

function forbidAll(field: Field, names: readonly string[], why: string): void {
  for (const name of names) if (has(field, name)) field.at(name).forbidden(why);
}

/** A ConfigMap, for anchors alone, must be of the rule's own namespace: `configmap://[namespace/]name`. */
function checkCredentialName(field: Field, namespace: string): void {
  const text = field.text() ?? "";
  if (!text.startsWith(configMapScheme)) return;
  const [first = "", second, ...more] = text.slice(configMapScheme.length).split("/");
  if (more.length > 0 || first === "" || second === "") field.invalid("must be configmap://[namespace/]name");
  else if (second !== undefined && first !== namespace) {
    field.forbidden(`the ConfigMap must be in the rule's own namespace, ${namespace}`);
  }
}
