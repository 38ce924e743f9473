import {
  type Client,
  isAlreadyExists,
  isNotFound,
  type KubeObject,
  type Log,
  resources,
  TransientError,
} from "../../kube/index.ts";
import { authoritySecret, broughtSecret, fieldManager, rootSecret } from "../names.ts";
import { type CertificateSecrets, decideCertificates, type Step } from "./decide.ts";
import { makeAuthoritySecret, makeRootSecret, withRootPublished } from "./make.ts";

/** The Secrets as they are once nothing is left to do, what was done, and when to look again. */
export interface CertificateOutcome {
  readonly secrets: CertificateSecrets;
  readonly done: readonly Step["do"][];
  readonly until: number;
}

/** More steps than the longest way (a new root, a bundle, an intermediate) takes: something undoes what is done. */
const maxSteps = 8;

/**
 * Brings root and intermediate to where they should be, one step at a time. Each write is a create or carries the
 * version that was read: of two operators that believe to lead, one fails and reads what the other made.
 */
export async function ensureCertificates(options: {
  client: Client;
  namespace: string;
  operatorNamespace: string;
  cached: CertificateSecrets;
  now: number;
  log: Log;
  signal: AbortSignal;
}): Promise<CertificateOutcome> {
  const { client, namespace, operatorNamespace, now, log, signal } = options;
  const done: Step["do"][] = [];
  let secrets = options.cached;
  let isLive = false;
  for (let count = 0; count < maxSteps; count++) {
    const step = decideCertificates(secrets, now);
    if (step.do === "rest") return { secrets, done, until: step.until };
    if (isLive) {
      await perform(step, secrets);
      done.push(step.do);
    }
    // What the cache misses may be there: nothing is done before it was looked for.
    secrets = await readSecrets();
    isLive = true;
  }
  throw new TransientError(`Secrets of ${namespace} change as fast as they are written`);

  async function perform(step: Exclude<Step, { do: "rest" }>, { root }: CertificateSecrets): Promise<void> {
    const at = {
      namespace: step.do.endsWith("root") && step.do !== "publish-root" ? operatorNamespace : namespace,
    };
    log.info("certificates", { step: step.do, ...at });
    if (step.do === "create-root") return put(await makeRootSecret(operatorNamespace, now, undefined));
    if (step.do === "replace-root") return put(await makeRootSecret(operatorNamespace, now, step.old));
    if (root === undefined) return;
    if (step.do === "create-authority")
      return put(await makeAuthoritySecret(namespace, root, now, undefined));
    if (step.do === "publish-root") return put(withRootPublished(root, step.old, now));
    return put(await makeAuthoritySecret(namespace, root, now, step.old));
  }

  async function put(secret: KubeObject): Promise<void> {
    const how = { fieldManager, signal };
    if (secret.metadata.resourceVersion !== undefined) {
      await client.replace(resources.secrets, secret, how);
      return;
    }
    await client.create(resources.secrets, secret, how).catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
  }

  async function readSecrets(): Promise<CertificateSecrets> {
    const read = (at: { namespace: string; name: string }) =>
      client.get(resources.secrets, { ...at, signal }).catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    const [root, authority, brought] = await Promise.all([
      read({ namespace: operatorNamespace, name: rootSecret }),
      read({ namespace, name: authoritySecret }),
      read({ namespace, name: broughtSecret }),
    ]);
    return { root, authority, brought };
  }
}
