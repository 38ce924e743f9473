import { isObject, type JsonObject } from "../json.ts";
import { Report, type ValidationResult } from "../report.ts";
import { initContainer, proxyContainer, type SidecarFacts, sidecarVolumes } from "./containers.ts";
import { annotationsToWrite, labelsToAdd } from "./metadata.ts";
import { scrapingOf } from "./metrics.ts";
import { initContainerName, proxyContainerName, proxyUid, volumes } from "./names.ts";
import { type Options, optionsOf } from "./options.ts";
import { overlay } from "./overlay.ts";
import { append, type Operation, pointer, prepend, setMembers, testLastName } from "./patch.ts";
import type { Container, Pod } from "./pod.ts";
import { type ProbeEdit, rewriteProbes } from "./probes.ts";
import type { InjectionSettings } from "./settings.ts";
import { type Workload, workloadOf } from "./workload.ts";

export type Injection =
  | { readonly ok: true; readonly patch: readonly Operation[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: ValidationResult };

/** The patch that gives a pod its sidecar. Whether it should have one is `decide`'s question. */
export function injectPod(pod: Pod, settings: InjectionSettings): Injection {
  const report = new Report();
  const asked = optionsOf(pod, settings, report);
  refuseTakenVolumes(pod, report);
  if (!report.ok) return { ok: false, problems: report };
  const options = { ...asked, native: asked.native && hasApplication(pod) };
  const workload = workloadOf(pod);
  warnAboutPod(pod, options, workload, report);
  const labels = labelsToAdd(pod, workload);
  const rewritten = options.rewriteProbes ? rewriteProbes(pod, isOwn, report) : { probes: {}, edits: [] };
  const scraping = scrapingOf(pod.annotations, options.mergeMetrics, report);
  const facts: SidecarFacts = {
    workload: `${workload.kind}/${workload.name}`,
    labels: { ...pod.labels, ...labels },
    probes: rewritten.probes,
    appMetrics: scraping.app,
  };
  const init =
    options.redirection === undefined
      ? undefined
      : customised(pod, initContainer(options, options.redirection, settings), initContainerName);
  const proxy = customised(pod, proxyContainer(options, facts, settings), proxyContainerName);
  const added = addedTo(pod, options, init !== undefined, settings);
  const patch = [
    ...guards(pod),
    ...setMembers(["metadata", "labels"], pod.has.labels ? pod.labels : undefined, labels),
    ...setMembers(["metadata", "annotations"], pod.has.annotations ? pod.annotations : undefined, {
      ...annotationsToWrite(pod, workload, added, settings),
      ...scraping.annotations,
    }),
    ...append(["spec", "volumes"], pod.has.volumes, [...sidecarVolumes(), ...options.userVolumes.volumes]),
    ...append(
      ["spec", "imagePullSecrets"],
      pod.has.imagePullSecrets,
      added.imagePullSecrets.map((name) => ({ name })),
    ),
    ...rewritten.edits.map(replaceProbe),
    ...removeOwn(pod),
    ...placeContainers(pod, options.native, init, proxy),
  ];
  return { ok: true, patch, warnings: report.warnings };
}

function isOwn(container: Container): boolean {
  return container.name === proxyContainerName || container.name === initContainerName;
}

/** A pod whose only container is the user's own `istio-proxy` keeps it as one: a pod needs a container. */
function hasApplication(pod: Pod): boolean {
  return pod.containers.some((container) => !isOwn(container));
}

function customised(pod: Pod, template: JsonObject, name: string): JsonObject {
  const own = [...pod.containers, ...pod.initContainers].find((container) => container.name === name);
  return own === undefined ? template : overlay(template, own.raw);
}

function addedTo(pod: Pod, options: Options, init: boolean, settings: InjectionSettings) {
  const first = init ? [initContainerName] : [];
  return {
    initContainers: options.native ? [...first, proxyContainerName] : first,
    containers: options.native ? [] : [proxyContainerName],
    volumes: [
      volumes.identity,
      volumes.state,
      ...options.userVolumes.volumes.map(({ name }) => String(name)),
    ],
    imagePullSecrets: settings.imagePullSecrets.filter((name) => !pod.imagePullSecrets.includes(name)),
  };
}

function guards(pod: Pod): Operation[] {
  return [
    ...testLastName(
      ["spec", "containers"],
      pod.containers.map(({ name }) => name),
    ),
    ...testLastName(
      ["spec", "initContainers"],
      pod.initContainers.map(({ name }) => name),
    ),
  ];
}

function replaceProbe({ list, index, member, value }: ProbeEdit): Operation {
  return { op: "replace", path: pointer("spec", list, index, ...member), value };
}

/** The user's partial containers leave their places, last first so that indexes hold. */
function removeOwn(pod: Pod): Operation[] {
  return (["containers", "initContainers"] as const).flatMap((list) =>
    pod[list]
      .map((container, index) => ({ container, path: pointer("spec", list, index) }))
      .filter(({ container }) => isOwn(container))
      .reverse()
      .map(({ path }): Operation => ({ op: "remove", path })),
  );
}

/**
 * Native: init and proxy before the user's init containers, which then have the mesh too. Plain: the proxy before
 * the application, and the redirection after the user's init containers, which would otherwise have no network.
 */
function placeContainers(
  pod: Pod,
  native: boolean,
  init: JsonObject | undefined,
  proxy: JsonObject,
): Operation[] {
  const inits = init === undefined ? [] : [init];
  const initPath = ["spec", "initContainers"];
  if (native) return prepend(initPath, pod.has.initContainers, [...inits, proxy]);
  return [
    ...append(initPath, pod.has.initContainers, inits),
    ...prepend(["spec", "containers"], true, [proxy]),
  ];
}

function refuseTakenVolumes(pod: Pod, report: Report): void {
  for (const name of Object.values(volumes)) {
    const index = pod.volumeNames.indexOf(name);
    if (index !== -1)
      report.duplicate(`spec.volumes[${index}].name`, name, "the sidecar's own volume has this name");
  }
}

function warnAboutPod(pod: Pod, options: Options, workload: Workload, report: Report): void {
  if (!options.native && (workload.kind === "Job" || workload.kind === "CronJob")) {
    report.warn(
      "the Job ends only after POST localhost:15020/quitquitquit: the sidecar is a plain container here",
    );
  }
  if (options.redirection === undefined) return;
  const podUser = userOf(pod.spec.securityContext);
  for (const container of pod.containers) {
    if (isOwn(container)) continue;
    const user = userOf(container.raw.securityContext) ?? podUser;
    if (user === proxyUid)
      report.warn(`container ${container.name} runs as uid ${proxyUid} and so bypasses the mesh`);
  }
}

function userOf(securityContext: unknown): unknown {
  return isObject(securityContext) ? securityContext.runAsUser : undefined;
}
