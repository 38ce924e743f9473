/** The mesh's settings as each part wants them. Pure. */
import { type InjectionSettings, injectionSettings } from "../webhook/index.ts";
import { defaultSettings, type MeshSettings } from "./compile/inputs.ts";
import type { MeshFile } from "./settings.ts";

/** Who this control plane is: from its environment, which the operator sets; mesh.json cannot contradict it. */
export interface Place {
  readonly revision: string;
  /** Where control runs, which is where mesh-wide policies are read. */
  readonly namespace: string;
}

/** What the compiler needs. `trustBundle` is the authority's anchors, PEM. */
export function compileSettings(file: MeshFile, place: Place, trustBundle: string): MeshSettings {
  return {
    revision: place.revision,
    rootNamespace: place.namespace,
    trustDomain: file.trustDomain ?? defaultSettings.trustDomain,
    clusterDomain: file.clusterDomain ?? defaultSettings.clusterDomain,
    trustBundle,
    mtlsMode: file.mtls?.mode ?? defaultSettings.mtlsMode,
    outboundTrafficPolicy: file.outboundTrafficPolicy ?? defaultSettings.outboundTrafficPolicy,
    accessLog: file.accessLog ?? defaultSettings.accessLog,
    accessLogEncoding: file.accessLogEncoding ?? defaultSettings.accessLogEncoding,
  };
}

/** What the injector needs. `minor` is the API server's minor version, when it is known. */
export function injectorSettings(
  file: MeshFile,
  place: Place,
  caRoot: string,
  minor: number | undefined,
): InjectionSettings {
  const { proxy = {}, injection = {} } = file;
  const { image, ...sidecar } = proxy;
  const domains = {
    ...(file.trustDomain === undefined ? {} : { trustDomain: file.trustDomain }),
    ...(file.clusterDomain === undefined ? {} : { clusterDomain: file.clusterDomain }),
  };
  return injectionSettings({
    ...domains,
    ...sidecar,
    ...injection,
    revision: place.revision,
    rootNamespace: place.namespace,
    proxyImage: image ?? "weft.dev/proxy:dev",
    caRoot,
    clusterSupportsNativeSidecar: minor === undefined || minor >= nativeSidecarMinor,
  });
}

/** KEP-753: init containers with `restartPolicy: Always` are on by default from Kubernetes 1.29. */
const nativeSidecarMinor = 29;

/** The minor version in the answer to `/version`: providers write "29+". */
export function minorVersion(body: unknown): number | undefined {
  const minor = typeof body === "object" && body !== null && "minor" in body ? body.minor : undefined;
  const number = typeof minor === "string" ? Number.parseInt(minor, 10) : Number.NaN;
  return Number.isNaN(number) ? undefined : number;
}
