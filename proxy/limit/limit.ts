/** One limit: which requests it counts, which of those together, and how many may come. */
import type { RateLimit } from "../../crds/workload-config.ts";
import { anyPath } from "../authz/values.ts";
import { hashString } from "../balance/hash.ts";
import { Generations } from "../cache/generations.ts";
import { TokenBucket } from "./token-bucket.ts";

/** A request as limits see it. */
export interface LimitedRequest {
  readonly method: string;
  /** Normalised, without the query. */
  readonly path: string;
  /** The peer's identity; "" for plaintext. */
  readonly principal: string;
  readonly sourceIp: string;
  readonly destinationPort: number;
  /** By lower-case name; repeated headers joined with ",". */
  header(name: string): string | undefined;
}

type Test = (request: LimitedRequest) => boolean;
type Read = (request: LimitedRequest) => string;

/**
 * Buckets of one generation of keys. Whoever invents keys beyond makes the least recently used forgotten, and a forgotten bucket
 * is a full one: keys should be what clients cannot choose at will, such as their identity.
 */
const MAX_BUCKETS = 4096;
/** Longer keys are remembered by a hash: a head's worth for each of the buckets would be 700 MB. */
const MAX_NAME = 256;

export class Limit {
  readonly config: RateLimit;
  readonly #tests: readonly Test[];
  readonly #key: readonly Read[];
  readonly #shared = new TokenBucket();
  readonly #buckets: Generations<string, TokenBucket> | undefined;

  constructor(config: RateLimit) {
    this.config = config;
    this.#tests = testsOf(config);
    this.#key = config.key.map(({ kind, name }) => readOf(kind, name));
    if (this.#key.length > 0) this.#buckets = new Generations(MAX_BUCKETS);
  }

  matches(request: LimitedRequest): boolean {
    for (const test of this.#tests) if (!test(request)) return false;
    return true;
  }

  /** The bucket that a request draws from. Requests without a keyed header share one: leaving it out is no way around. */
  bucket(request: LimitedRequest): TokenBucket {
    if (this.#buckets === undefined) return this.#shared;
    const [only] = this.#key;
    const key =
      this.#key.length === 1 && only !== undefined
        ? only(request)
        : JSON.stringify(this.#key.map((read) => read(request)));
    const name = bucketName(key);
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket();
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }
}

/**
 * The key itself, or for a long one its length and 64 bits of hash. Who makes two keys share a bucket has gained nothing: it
 * could have sent the one twice.
 */
export function bucketName(key: string): string {
  if (key.length <= MAX_NAME) return key;
  return `${key.length} ${hashString(key)} ${hashString(key, 1)}`;
}

function testsOf({ methods, paths, headers, ports }: RateLimit): Test[] {
  const tests: Test[] = [];
  if (ports.length > 0) tests.push(({ destinationPort }) => ports.includes(destinationPort));
  if (methods.length > 0) tests.push(({ method }) => methods.includes(method));
  if (paths.length > 0) {
    const matches = anyPath(paths);
    tests.push(({ path }) => matches(path));
  }
  for (const { name, exact, prefix } of headers) {
    const lower = name.toLowerCase();
    tests.push((request) => {
      const value = request.header(lower);
      if (value === undefined) return false;
      return (exact === undefined || value === exact) && (prefix === undefined || value.startsWith(prefix));
    });
  }
  return tests;
}

function readOf(kind: RateLimit["key"][number]["kind"], name = ""): Read {
  switch (kind) {
    case "header": {
      const lower = name.toLowerCase();
      return (request) => request.header(lower) ?? "";
    }
    case "path":
      // A part of a string keeps all of it, which for a path is its query, too.
      return ({ path }) => Buffer.from(path, "latin1").toString("latin1");
    case "method":
      return ({ method }) => method;
    case "principal":
      return ({ principal }) => principal;
    case "source":
      return ({ sourceIp }) => sourceIp;
  }
}
