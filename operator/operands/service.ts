import { resources } from "../../kube/index.ts";
import type { Installation } from "../installation.ts";
import { controlName, ports } from "../names.ts";
import { controlSelector } from "./deployment.ts";
import { type Operand, operand } from "./operand.ts";

/** Service `control-REV`: certificates for proxies, webhooks for the API server, metrics. */
export function serviceOperand(installation: Installation): Operand {
  const { revision } = installation;
  const port = (name: string, port: number, targetPort: string) => ({
    name,
    port,
    targetPort,
    protocol: "TCP",
  });
  return operand(installation, resources.services, {
    name: controlName(revision),
    labels: controlSelector(revision),
    spec: {
      type: "ClusterIP",
      selector: controlSelector(revision),
      // Named as protocols are detected: none of these may be taken for what the mesh routes.
      ports: [
        port("https-certificates", ports.certificates, "certificates"),
        port("https-webhooks", 443, "webhooks"),
        port("http-monitoring", ports.monitoring, "monitoring"),
      ],
    },
  });
}
