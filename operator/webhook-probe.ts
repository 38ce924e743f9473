import {
  ApiError,
  type Client,
  ConnectionError,
  isNotFound,
  messageOf,
  type Resource,
} from "../kube/index.ts";
import type { Installation } from "./installation.ts";
import { validatorEntry } from "./operands/webhooks.ts";
import type { WebhookState } from "./status.ts";

/** A VirtualService without routes: the schema takes it, the validator does not. */
const virtualServices: Resource = {
  group: "networking.istio.io",
  version: "v1beta1",
  plural: "virtualservices",
  kind: "VirtualService",
  namespaced: true,
};
const probeName = "weft-webhook-probe";
/** Beyond the webhook's own 5 s. */
const timeoutMs = 8_000;

/**
 * Whether the API server reaches the validator and heeds it: a dry-run create of something invalid has to be refused
 * by our webhook, by name. Nothing is stored whatever the outcome. Never rejects but when aborted.
 */
export async function probeValidator(
  client: Pick<Client, "create">,
  installation: Installation,
  signal: AbortSignal,
): Promise<WebhookState> {
  const { revision, namespace } = installation;
  const probe = {
    apiVersion: "networking.istio.io/v1beta1",
    kind: "VirtualService",
    metadata: { name: probeName, namespace, labels: { "istio.io/rev": revision } },
    spec: { hosts: [`${probeName}.invalid`] },
  };
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    await client.create(virtualServices, probe, { dryRun: true, signal: within });
    return no("NotCalled", "the API server takes an invalid VirtualService without asking the validator");
  } catch (error) {
    signal.throwIfAborted();
    return judge(error);
  }
}

/** What the API server's answer to the probe says of the webhook. */
export function judge(error: unknown): WebhookState {
  if (error instanceof ApiError) {
    if (error.message.includes(`webhook "${validatorEntry.labelled}" denied the request`)) {
      return {
        status: "True",
        reason: "Answering",
        message: "an invalid VirtualService is refused by the validator",
      };
    }
    if (error.message.includes("failed calling webhook")) {
      return no("CallFailed", `the API server cannot call the validator: ${error.message}`);
    }
    if (isNotFound(error)) return no("NotInstalled", "the API server does not serve VirtualServices yet");
    return no("NotCalled", `the probe was refused, but not by the validator: ${error.message}`);
  }
  if (error instanceof ConnectionError) return unknown(error.message);
  return no("NotAnswering", `no answer to the probe within ${timeoutMs} ms: ${messageOf(error)}`);
}

const no = (reason: WebhookState["reason"], message: string): WebhookState => ({
  status: "False",
  reason,
  message,
});
const unknown = (message: string): WebhookState => ({ status: "Unknown", reason: "NotAnswering", message });
