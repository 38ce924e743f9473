/** `x-weft-peer`: the calling workload, told once per connection between two proxies. Pure. */
import { UNKNOWN, UNKNOWN_WORKLOAD, type Workload } from "./labels.ts";

/** Kubernetes names have at most 253 characters, label values 63; a peer that claims more is not believed. */
const MAX_PART = 253;

/** `workload;namespace;app;version`, each percent-encoded. */
export function encodePeer(workload: Workload): string {
  const { workload: name, namespace, app, version } = workload;
  return [name, namespace, app, version].map(encodeURIComponent).join(";");
}

/** The workload that a peer says it is, with the identity that it has proved; unknown when the value is malformed. */
export function decodePeer(value: string | undefined, principal: string): Workload {
  const unknown = { ...UNKNOWN_WORKLOAD, principal, namespace: namespaceOf(principal) };
  const parts = value?.split(";");
  if (parts?.length !== 4) return unknown;
  const decoded: string[] = [];
  for (const part of parts) {
    if (part.length > MAX_PART * 3) return unknown;
    try {
      const text = decodeURIComponent(part);
      if (text.length > MAX_PART) return unknown;
      decoded.push(text === "" ? UNKNOWN : text);
    } catch {
      return unknown;
    }
  }
  const [workload = UNKNOWN, , app = UNKNOWN, version = UNKNOWN] = decoded;
  return {
    workload,
    // Proved by the certificate rather than claimed.
    namespace: namespaceOf(principal),
    app,
    version,
    principal,
    canonicalService: app === UNKNOWN ? workload : app,
    canonicalRevision: version === UNKNOWN ? "latest" : version,
  };
}

function namespaceOf(principal: string): string {
  return /\/ns\/([^/]+)\//.exec(principal)?.[1] ?? UNKNOWN;
}
