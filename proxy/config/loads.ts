/** Callers that wait for services to be loaded: one promise a service, with a bound. */
import type { Clock } from "./clock.ts";
import { ConfigError } from "./errors.ts";

export interface Loads {
  /** Resolves when the service is loaded; rejects with ConfigError when it is not in time. */
  wait(key: string): Promise<void>;
  /** Resolves what `isLoaded` now. */
  settle(isLoaded: (key: string) => boolean): void;
  close(): void;
}

interface Waiting {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
  cancel(): void;
}

export function createLoads(clock: Clock, boundMs: number): Loads {
  const waiting = new Map<string, Waiting>();
  const give = (key: string, why: string) => {
    const wait = waiting.get(key);
    waiting.delete(key);
    wait?.cancel();
    wait?.reject(new ConfigError("WEFT_CONFIG_NOT_LOADED", `the service with the key ${key} ${why}`));
  };
  return {
    wait(key) {
      const known = waiting.get(key);
      if (known !== undefined) return known.promise;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const cancel = clock.after(boundMs, () => give(key, `was not loaded within ${boundMs} ms`));
      waiting.set(key, { promise, resolve, reject, cancel });
      return promise;
    },
    settle(isLoaded) {
      for (const [key, wait] of waiting) {
        if (!isLoaded(key)) continue;
        waiting.delete(key);
        wait.cancel();
        wait.resolve();
      }
    },
    close() {
      for (const key of [...waiting.keys()]) give(key, "was not loaded before the proxy ended");
    },
  };
}
