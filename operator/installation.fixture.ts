/** A MeshInstallation as the operator reads it, for the tests of this folder. */
import type { MeshInstallationSpec, MeshInstallationStatus } from "../crds/mesh-installation.ts";
import type { ObjectMeta } from "../kube/index.ts";
import { type Installation, readInstallation } from "./installation.ts";
import type { Inputs } from "./operands/operand.ts";

export const images = { control: "control:1", proxy: "proxy:1" };

export function makeInstallation(
  spec: MeshInstallationSpec = {},
  metadata: Partial<ObjectMeta> = {},
  status: MeshInstallationStatus = {},
): Installation {
  const standard = { name: "default", uid: "uid-1", generation: 3, resourceVersion: "10" };
  return readInstallation({ metadata: { ...standard, ...metadata }, spec, status }, images);
}

export const inputs: Inputs = {
  authoritySecret: "istio-ca-secret",
  trustBundle: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  operatorNamespace: "weft-system",
};
