/** What the API server says in a list and in a watch, as far as it is read. */
import { ApiError } from "./api.ts";

export interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly items?: readonly unknown[];
}

export interface WatchEvent {
  readonly type: string;
  readonly object: {
    readonly metadata?: {
      readonly annotations?: Readonly<Record<string, string>>;
      readonly resourceVersion?: string;
    };
    /** Of a Status, in an ERROR event. */
    readonly code?: number;
    readonly message?: string;
  };
}

export function versionOf(object: { readonly metadata?: { readonly resourceVersion?: string } }): number {
  const version = Number(object.metadata?.resourceVersion);
  if (Number.isSafeInteger(version)) return version;
  throw new ApiError(200, `expected a number as resourceVersion, found ${object.metadata?.resourceVersion}`);
}

/** What was asked for is too old to go on from: the state has to be told anew. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}
