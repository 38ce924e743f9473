import { applyPatch } from "rfc6902";
import { type InjectionSettings, injectionSettings } from "./settings.ts";

/** Helpers of this folder's tests. */

export const testSettings = (own: Partial<InjectionSettings> = {}): InjectionSettings =>
  injectionSettings({ proxyImage: "weft.dev/proxy:test", caRoot: "PEM\n", ...own });

export function podReview(pod: unknown, namespace = "shop"): Record<string, unknown> {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      namespace,
      operation: "CREATE",
      object: pod,
    },
  };
}

/** The operations in a response's base64 patch; none when there is no patch. */
export function decodePatch(patch: string | undefined): unknown[] {
  if (patch === undefined) return [];
  const operations: unknown = JSON.parse(Buffer.from(patch, "base64").toString());
  return Array.isArray(operations) ? operations : [];
}

/** A patched copy, made by a library that shares no code with the patch's maker. */
export function patched<T>(object: T, operations: readonly unknown[]): T {
  const copy = structuredClone(object);
  const failures = applyPatch(copy, structuredClone(operations) as Parameters<typeof applyPatch>[1]).filter(
    (failure) => failure !== null,
  );
  if (failures.length > 0) throw new Error(`the patch does not apply: ${failures.map(String).join(", ")}`);
  return copy;
}
