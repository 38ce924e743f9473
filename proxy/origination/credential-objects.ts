/** Secrets and ConfigMaps of the pod's namespace, read with the pod's own account: it sees what that may see, and no more. */

import { type Api, ApiError } from "../config/api/api.ts";
import type { ListAnswer } from "../config/api/api-answers.ts";
import { CredentialError, type CredentialResource, type ObjectData, type ReadObject } from "./credential.ts";

/** An API server that does not answer is as good as none. In ms. */
const READ_MS = 5_000;

interface DataObject {
  readonly data?: Readonly<Record<string, unknown>>;
}

/** By `list`, the verb that Istio asks for; with the object's name, so that a role with `resourceNames` is enough. */
export function createCredentialReader(api: Pick<Api, "list">, namespace: string): ReadObject {
  return async (resource, name) => {
    const query = { fieldSelector: `metadata.name=${name}` };
    let answer: ListAnswer;
    try {
      answer = (await api.list(
        `/api/v1/namespaces/${namespace}/${resource}`,
        query,
        AbortSignal.timeout(READ_MS),
      )) as ListAnswer;
    } catch (error) {
      if (error instanceof ApiError && error.status === 403)
        throw forbidden(resource, name, namespace, error);
      throw error;
    }
    const [found] = (answer.items ?? []) as readonly DataObject[];
    return found && textsOf(resource, found.data ?? {});
  };
}

function textsOf(resource: CredentialResource, data: Readonly<Record<string, unknown>>): ObjectData {
  const texts: [string, string][] = [];
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== "string") continue;
    texts.push([key, resource === "secrets" ? Buffer.from(value, "base64").toString("utf8") : value]);
  }
  return Object.fromEntries(texts);
}

function forbidden(
  resource: CredentialResource,
  name: string,
  namespace: string,
  { detail }: ApiError,
): CredentialError {
  const next = `kubectl create role ${name} -n ${namespace} --verb=list --resource=${resource} --resource-name=${name}, and a rolebinding of it`;
  return new CredentialError(
    `${resource} ${namespace}/${name}: the pod's service account may not list it (${detail}); next: ${next}`,
  );
}
