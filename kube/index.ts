export { type Backoff, createBackoff } from "./backoff.ts";
export {
  type Client,
  type ClientOptions,
  createClient,
  type DeleteOptions,
  type ListOptions,
  type PatchOptions,
  type RawOptions,
  type Target,
  type WatchOptions,
  type WriteOptions,
} from "./client.ts";
export { type Clock, sleep, systemClock, type Timer } from "./clock.ts";
export { findCondition, setCondition } from "./conditions.ts";
export { type ClusterConfig, loadConfig, parseKubeconfig } from "./config.ts";
export { type Reconcile, runController, TransientError, ValidationError } from "./controller.ts";
export { createElection, type Election, type ElectionOptions } from "./election.ts";
export {
  ApiError,
  ConnectionError,
  isAborted,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  messageOf,
} from "./errors.ts";
export { type Change, createInformer, type Informer, type InformerOptions } from "./informer.ts";
export { createRateLimiter, type RateLimiter } from "./limiter.ts";
export { createLog, type Fields, type Level, type Log, silentLog } from "./log.ts";
export { type KubeMetrics, noMetrics } from "./metrics-hooks.ts";
export { pathOf, queryString } from "./paths.ts";
export { createRecorder, type EventInput, type Recorder } from "./recorder.ts";
export { createReflector, type Reflector, type ReflectorOptions, type ReflectorSink } from "./reflector.ts";
export * as resources from "./resources.ts";
export { createStore, type Indexer, type MutableStore, type Store } from "./store.ts";
export * from "./types.ts";
export { createWorkQueue, type WorkQueue } from "./workqueue.ts";
