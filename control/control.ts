/** The control plane, put together: what runs in a replica, from start to stop. */
import type { WorkloadConfig } from "../crds/workload-config.ts";
import { type Client, type Clock, createElection, type Log, messageOf, sleep } from "../kube/index.ts";
import { handleInject, handleValidate } from "../webhook/index.ts";
import {
  certificateRoutes,
  createAuthorityFiles,
  createCertificateHandler,
  createServing,
  createSigner,
  createTokenKeys,
  createTokenVerifier,
  servingNames,
} from "./ca/index.ts";
import type { Compiler } from "./compile/compile.ts";
import type { KeySet, MeshSettings } from "./compile/inputs.ts";
import { revisionLabel } from "./compile/names.ts";
import { fetchDocument } from "./keys/fetch.ts";
import { createIssuerKeys } from "./keys/keys.ts";
import { rememberedKeys } from "./keys/remembered.ts";
import { sourcesOf } from "./keys/sources.ts";
import { compileSettings, injectorSettings, minorVersion, type Place } from "./mesh.ts";
import { hasWorkload, isInjected } from "./meshed.ts";
import type { ControlMetrics } from "./metrics.ts";
import { createProxyAccess } from "./publish/access.ts";
import { createPublisher } from "./publish/publisher.ts";
import { workloadConfigs } from "./publish/write.ts";
import { createServers, type Ports } from "./server.ts";
import { createMeshFile } from "./settings.ts";
import { createClusterWatch } from "./watch.ts";

export interface ControlOptions extends Place {
  client: Client;
  createCompiler: (settings: MeshSettings) => Compiler;
  /** Unique to this replica: its pod's name. */
  identity: string;
  ports: Ports;
  host?: string;
  /** Path of mesh.json. */
  meshFile: string;
  /** Folder with the CA's key and certificates. */
  caFolder: string;
  clock: Clock;
  random: () => number;
  log: Log;
  metrics: ControlMetrics;
}

export interface Control {
  readonly ports: Ports;
  /** Resolves once stopped; rejects when control cannot go on, so that its process should end. */
  readonly done: Promise<void>;
  /** What readiness waits for; undefined when nothing. */
  notReady(): string | undefined;
  isLeader(): boolean;
  /** Gives back the lead, goes on serving for `lingerMs` while endpoints are taken out, then closes everything. */
  stop(lingerMs: number): Promise<void>;
}

/** How long the start waits for the keys of token issuers: they serve them in milliseconds, or are down. */
const firstKeysMs = 6_000;

/** How often something that must come is looked for again. */
const pollMs = 500;

/** Starts serving at once, and publishing as soon as the cluster has been listed and the lead is won. */
export async function startControl(options: ControlOptions): Promise<Control> {
  const { client, clock, random, log, metrics, revision, namespace } = options;
  const place: Place = { revision, namespace };
  const stop = new AbortController();

  const mesh = createMeshFile({ path: options.meshFile, clock, log });
  const authority = createAuthorityFiles({ directory: options.caFolder, clock, log });
  await mesh.start();
  await authority.start();

  const watch = createClusterWatch({ client, revision, clock, random, log, metrics: metrics.kube });
  const tokenKeys = createTokenKeys({ client, clock, log });
  // One thread signs some 250 requests a second; a second one would cost 30 MB for nothing.
  const signer = createSigner({ workers: 1, log });
  const verifier = createTokenVerifier({
    client,
    keys: tokenKeys.current,
    findPod(uid) {
      const pod = watch.podByUid(uid);
      if (pod === undefined) return undefined;
      return {
        namespace: pod.metadata.namespace ?? "",
        serviceAccount: pod.spec?.serviceAccountName ?? "default",
      };
    },
    clock,
    log,
    onVerified: metrics.token,
  });

  const settingsNow = () => compileSettings(mesh.current(), place, authority.current()?.trustBundle ?? "");
  let minor: number | undefined;
  const injectionNow = () =>
    injectorSettings(mesh.current(), place, authority.current()?.trustBundle ?? "", minor);
  let injection = injectionNow();

  let compiling = false;
  const notReady = () => {
    if (stop.signal.aborted) return "stopping";
    if (serving.current() === undefined) return "no serving certificate yet";
    return compiling ? undefined : "the cluster has not been listed yet";
  };
  const servers = createServers({
    ports: options.ports,
    ...(options.host === undefined ? {} : { host: options.host }),
    inject: (review) => handleInject(review, injection, watch.namespaceLabels),
    validate: handleValidate,
    certificates: certificateRoutes(
      createCertificateHandler({
        verifier,
        authority,
        signer,
        trustDomain: () => settingsNow().trustDomain,
        clock,
        log,
        onReply: metrics.certificate,
      }),
    ),
    notReady,
    metrics,
    log,
  });
  const serving = createServing({
    authority,
    names: servingNames(`control-${revision}`, namespace, settingsNow().clusterDomain),
    clock,
    log,
    onCertificate: (certificate) => servers.setCertificate(certificate),
  });
  const ports = await servers.listen();
  await serving.start();
  void tokenKeys.start();

  const compiler = options.createCompiler(settingsNow());
  const publisher = createPublisher({
    compiler,
    revision,
    client,
    services: watch.serviceConfigs,
    workloads: watch.workloadConfigs,
    clock,
    random,
    log,
    metrics: metrics.publish,
    kubeMetrics: metrics.kube,
  });
  const isMeshed = (name: string) =>
    isInjected(watch.namespaceLabels(name), revision) || watch.podsOf(name).some(hasWorkload);
  const access = createProxyAccess({
    client,
    roles: watch.roles,
    roleBindings: watch.roleBindings,
    isMeshed,
    clock,
    random,
    log,
    metrics: metrics.kube,
  });

  const issuerKeys = createIssuerKeys({
    fetch: fetchDocument,
    allowLocal: () => mesh.current().localKeyAddresses ?? false,
    clock,
    random,
    log,
  });
  const followKeys = () => issuerKeys.follow(sourcesOf(watch.list("RequestAuthentication")));

  /** For issuers that do not answer as this starts: the keys that proxies have. */
  const rememberKeys = async () => {
    const policies = watch.list("RequestAuthentication");
    const missing = [...sourcesOf(policies).keys()].some((source) => !issuerKeys.known().has(source));
    if (!missing) return;
    const query = { labelSelector: `${revisionLabel}=${revision}` };
    try {
      const { items } = await client.list<WorkloadConfig>(workloadConfigs, query);
      issuerKeys.remember(rememberedKeys(items, policies));
    } catch (error) {
      log.warn("keys that were published before cannot be read", { error: messageOf(error) });
    }
  };

  const reconfigure = () => {
    injection = injectionNow();
    if (compiling) publisher.changed(compiler.configure(settingsNow()));
  };
  mesh.onChange(reconfigure);
  authority.onChange(reconfigure);

  const election = createElection({
    client,
    namespace,
    name: `weft-control-${revision}`,
    identity: options.identity,
    clock,
    random,
    log,
    metrics: metrics.kube,
    onStarted(signal) {
      const term = [publisher.lead(signal), access.lead(signal, watch.namespaceNames())];
      terms = Promise.all([terms, ...term]);
    },
    onStopped() {},
  });
  let terms: Promise<unknown> = Promise.resolve();

  const run = async () => {
    minor = await readVersion(options, stop.signal);
    injection = injectionNow();
    await watch.start();
    while (authority.current() === undefined && !stop.signal.aborted) await sleep(clock, pollMs, stop.signal);
    if (stop.signal.aborted) return;
    compiler.configure(settingsNow());
    // Without their keys all tokens would be refused for as long as it takes to fetch them.
    followKeys();
    await Promise.race([issuerKeys.asked(), sleep(clock, firstKeysMs, stop.signal)]);
    await rememberKeys();
    compiler.load({ ...watch.snapshot(), KeySet: keySets(issuerKeys.known()) });
    issuerKeys.onChange((key, jwks) => {
      const object = jwks === undefined ? {} : { object: keySet(key, jwks) };
      publisher.changed(compiler.affected({ kind: "KeySet", key, ...object }));
    });
    watch.onChange((change) => {
      if (change.kind === "RequestAuthentication") followKeys();
      publisher.changed(compiler.affected(change));
      if (change.kind === "Pod" && change.object !== undefined && hasWorkload(change.object)) {
        access.changed(change.object.metadata.namespace ?? "");
      }
    });
    watch.onNamespace((name) => access.changed(name));
    compiling = true;
    log.info("the cluster has been listed", { compiled: compiler.keys() });
    await election.run(stop.signal);
    await terms;
  };
  const done = run();

  return {
    ports,
    done,
    notReady,
    isLeader: () => election.isLeader(),
    async stop(lingerMs) {
      stop.abort();
      await done.catch(() => {});
      await terms.catch(() => {});
      await sleep(clock, lingerMs);
      await servers.close();
      mesh.close();
      authority.close();
      serving.close();
      tokenKeys.close();
      issuerKeys.close();
      await Promise.all([watch.close(), signer.close()]);
      client.close();
    },
  };
}

function keySet(name: string, jwks: string): KeySet {
  return { metadata: { name }, jwks };
}

function keySets(known: ReadonlyMap<string, string>): ReadonlyMap<string, KeySet> {
  return new Map([...known].map(([source, jwks]) => [source, keySet(source, jwks)]));
}

/** The minor version of the API server, asked for until it answers. */
async function readVersion(
  { client, clock, log }: ControlOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  while (!signal.aborted) {
    try {
      return minorVersion((await client.request("GET", "/version", { signal })).body);
    } catch (error) {
      if (signal.aborted) break;
      log.warn("the API server does not tell its version", { error: messageOf(error) });
      await sleep(clock, pollMs, signal);
    }
  }
  return undefined;
}
