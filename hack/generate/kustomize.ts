/** `config/`: kustomizations that install the operator, and the same as one file. */
import { customResourceDefinitions, meshKinds } from "../../crds/index.ts";
import { operatorObjects } from "./operator-objects.ts";
import { yamlFile } from "./yaml.ts";

const sample = {
  apiVersion: "mesh.weft.dev/v1alpha1",
  kind: "MeshInstallation",
  metadata: { name: "default" },
  spec: {},
};

/** Path to text. */
export function kustomize(): Map<string, string> {
  const operator = operatorObjects();
  const files = new Map<string, string>();
  for (const [file, objects] of operator) files.set(`config/operator/${file}`, yamlFile(objects));
  files.set("config/operator/kustomization.yaml", kustomization([...operator.keys()]));
  files.set(
    "config/crd/kustomization.yaml",
    kustomization(["../../crds/manifests"], "Weft's own kinds; the operator installs those of Istio's API."),
  );
  files.set(
    "config/default/kustomization.yaml",
    kustomization(
      ["../crd", "../operator"],
      "The operator: `kubectl apply --server-side -k config/default`.",
    ),
  );
  files.set(
    "config/install.yaml",
    yamlFile(
      [...customResourceDefinitions(meshKinds), ...[...operator.values()].flat()],
      "The operator, as `config/default` renders it: `kubectl apply --server-side -f config/install.yaml`.",
    ),
  );
  files.set(
    "config/samples/meshinstallation.yaml",
    yamlFile(
      [sample],
      "A mesh with every default: docs/reference/meshinstallation.md lists what can be set.",
    ),
  );
  files.set("config/samples/kustomization.yaml", kustomization(["meshinstallation.yaml"]));
  return files;
}

function kustomization(resources: readonly string[], comment?: string): string {
  return yamlFile(
    [{ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources }],
    comment,
  );
}
