import type { Report } from "../report.ts";
import { annotationField, annotations, withoutEffect } from "./annotations.ts";
import type { Pod } from "./pod.ts";
import { type ProxyConfig, proxyConfigOf } from "./proxy-config.ts";
import { type Redirection, redirectionOf } from "./redirection.ts";
import { resourcesOf } from "./resources.ts";
import type { InjectionSettings, Resources } from "./settings.ts";
import { type UserVolumes, userVolumesOf } from "./user-volumes.ts";

/** The mesh's settings as one pod's annotations change them. */
export interface Options {
  readonly image: string;
  readonly logLevel: string;
  readonly resources: Resources;
  /** An init container with `restartPolicy: Always`, or else the first of the pod's containers. */
  readonly native: boolean;
  readonly hold: boolean;
  readonly concurrency: number;
  readonly drainSeconds: number;
  readonly rewriteProbes: boolean;
  readonly mergeMetrics: boolean;
  /** Undefined: nothing is redirected and there is no init container. */
  readonly redirection: Redirection | undefined;
  readonly userVolumes: UserVolumes;
  /** Undefined: the sidecar has no readiness probe. */
  readonly readiness: ReadinessTiming | undefined;
}

export interface ReadinessTiming {
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

const defaultReadiness: ReadinessTiming = { initialDelaySeconds: 0, periodSeconds: 5, failureThreshold: 4 };
export const logLevels = ["trace", "debug", "info", "warning", "error", "critical", "off"] as const;

/** Reads a pod's annotations; what is wrong with them goes to the report, and then the options mean nothing. */
export function optionsOf(pod: Pod, settings: InjectionSettings, report: Report): Options {
  const given = pod.annotations;
  for (const name of withoutEffect) {
    if (given[name] !== undefined) report.warn(`annotation ${name} has no effect on the sidecar`);
  }
  refuseTemplates(given, report);
  const config = proxyConfigOf(given, report);
  return {
    image: imageOf(given, settings, report),
    logLevel: choose(given, annotations.logLevel, logLevels, report) ?? settings.logLevel,
    resources: resourcesOf(given, settings.resources, report),
    native: nativeOf(given, settings, report),
    hold: config.holdApplicationUntilProxyStarts ?? settings.holdApplicationUntilProxyStarts,
    ...drainAndWorkers(config, settings),
    rewriteProbes: flag(given, annotations.rewriteProbes, report) ?? settings.rewriteProbes,
    mergeMetrics: flag(given, annotations.mergeMetrics, report) ?? settings.mergeMetrics,
    redirection: interception(given, report) ? redirectionOf(given, report) : undefined,
    userVolumes: userVolumesOf(given, pod.volumeNames, report),
    readiness: readinessOf(given, report),
  };
}

function drainAndWorkers(config: ProxyConfig, settings: InjectionSettings) {
  return {
    concurrency: config.concurrency ?? settings.concurrency,
    drainSeconds: config.drainSeconds ?? settings.drainSeconds,
  };
}

function refuseTemplates(given: Readonly<Record<string, string>>, report: Report): void {
  const templates = given[annotations.templates];
  if (templates === undefined || templates.trim() === "sidecar") return;
  report.notSupported(annotationField(annotations.templates), templates, ["sidecar"]);
}

function imageOf(
  given: Readonly<Record<string, string>>,
  settings: InjectionSettings,
  report: Report,
): string {
  const image = given[annotations.proxyImage];
  if (image === undefined) return settings.proxyImage;
  if (!/^[\x21-\x7e]{1,512}$/.test(image)) {
    report.invalid(
      annotationField(annotations.proxyImage),
      image,
      "must be an image reference without spaces",
    );
  }
  return image;
}

/** A cluster that does not know native sidecars would wait for one to end, for ever: there the answer is no. */
function nativeOf(
  given: Readonly<Record<string, string>>,
  settings: InjectionSettings,
  report: Report,
): boolean {
  const asked = flag(given, annotations.nativeSidecar, report);
  const wish = asked ?? (settings.nativeSidecar === "auto" ? undefined : settings.nativeSidecar === "true");
  if (wish === true && !settings.clusterSupportsNativeSidecar) {
    report.warn("native sidecars need Kubernetes 1.29: istio-proxy is a plain container here");
    return false;
  }
  return wish ?? settings.clusterSupportsNativeSidecar;
}

/** False for NONE: the pod's own configuration sends traffic to the proxy. */
function interception(given: Readonly<Record<string, string>>, report: Report): boolean {
  const mode = choose(given, annotations.interceptionMode, ["REDIRECT", "TPROXY", "NONE"], report);
  if (mode === "TPROXY") report.warn(`${annotations.interceptionMode}: TPROXY is served as REDIRECT`);
  return mode !== "NONE";
}

function readinessOf(given: Readonly<Record<string, string>>, report: Report): ReadinessTiming | undefined {
  const statusPort = whole(given, annotations.statusPort, 0, 65_535, report);
  if (statusPort === 0) return undefined;
  if (statusPort !== undefined && statusPort !== 15_020 && statusPort !== 15_021) {
    report.warn(`${annotations.statusPort}: the sidecar's readiness stays on port 15021`);
  }
  return {
    initialDelaySeconds:
      whole(given, annotations.readinessInitialDelay, 0, 3_600, report) ??
      defaultReadiness.initialDelaySeconds,
    periodSeconds:
      whole(given, annotations.readinessPeriod, 1, 3_600, report) ?? defaultReadiness.periodSeconds,
    failureThreshold:
      whole(given, annotations.readinessFailures, 1, 1_000, report) ?? defaultReadiness.failureThreshold,
  };
}

function choose<T extends string>(
  given: Readonly<Record<string, string>>,
  name: string,
  supported: readonly T[],
  report: Report,
): T | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const found = supported.find((candidate) => candidate === value);
  if (found === undefined) report.notSupported(annotationField(name), value, supported);
  return found;
}

function flag(given: Readonly<Record<string, string>>, name: string, report: Report): boolean | undefined {
  const value = choose(given, name, ["true", "false"], report);
  return value === undefined ? undefined : value === "true";
}

function whole(
  given: Readonly<Record<string, string>>,
  name: string,
  least: number,
  most: number,
  report: Report,
): number | undefined {
  const value = given[name];
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,6}$/.test(value) ? Number(value) : -1;
  if (number >= least && number <= most) return number;
  report.invalid(annotationField(name), value, `must be a whole number from ${least} to ${most}`);
  return undefined;
}
