/** The YAML of the CustomResourceDefinitions, one file a kind, with a kustomization of our own kinds. */

import { allKinds, meshKinds } from "../../crds/index.ts";
import { customResourceDefinition, definitionName } from "../../crds/kind.ts";
import { yamlFile } from "./yaml.ts";

const folder = "crds/manifests";

/** Path to text. */
export function manifests(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of allKinds)
    files.set(`${folder}/${definitionName(kind)}.yaml`, yamlFile([customResourceDefinition(kind)]));
  files.set(
    `${folder}/kustomization.yaml`,
    yamlFile(
      [
        {
          apiVersion: "kustomize.config.k8s.io/v1beta1",
          kind: "Kustomization",
          resources: meshKinds.map((kind) => `${definitionName(kind)}.yaml`),
        },
      ],
      "Weft's own kinds. Those of Istio's API are the operator's to install, unless the cluster has them already.",
    ),
  );
  return files;
}
