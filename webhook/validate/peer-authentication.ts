import type { Field } from "./field.ts";
import { checkSelector } from "./labels.ts";

const modes = ["UNSET", "DISABLE", "PERMISSIVE", "STRICT"];

/** `PeerAuthentication.spec`; absent, it inherits everything. */
export function checkPeerAuthentication(spec: Field): void {
  if (!spec.present || !spec.object(["selector", "mtls", "portLevelMtls"])) return;
  const selects = checkSelector(spec.at("selector"));
  checkMode(spec.at("mtls"));
  checkPorts(spec.at("portLevelMtls"), selects);
}

function checkMode(field: Field): void {
  if (field.present && field.object(["mode"])) field.at("mode").choice(modes);
}

/** Ports are the workload's, so without one there are none to speak of. */
function checkPorts(field: Field, selects: boolean): void {
  if (!field.present) return;
  if (!selects) {
    field.forbidden(
      "mesh/namespace peer authentication cannot have port level mTLS: add a selector with labels",
    );
  }
  const ports = field.entries();
  if (field.size === 0) field.invalid("must name at least one port");
  for (const { key, field: mtls } of ports) {
    const number = /^[0-9]{1,5}$/.test(key) ? Number(key) : 0;
    if (number < 1 || number > 65_535) mtls.invalid("the key must be a port from 1 to 65535", key);
    checkMode(mtls);
  }
}
