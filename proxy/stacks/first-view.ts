/** The first calls of a pod may come before its proxy has its configuration: they wait, for a little. */
import type { ConfigSource, MeshView } from "../config/view.ts";

/** How long a first call waits for the proxy's own configuration. */
export const FIRST_VIEW_MS = 3_000;

/** Resolves with the first view, or with undefined when there is none in time. */
export function firstView(config: Pick<ConfigSource, "view" | "onChange">): Promise<MeshView | undefined> {
  return new Promise((resolve) => {
    const settle = () => {
      stop();
      clearTimeout(timer);
      resolve(config.view());
    };
    const stop = config.onChange(() => {
      if (config.view() !== undefined) settle();
    });
    const timer = setTimeout(settle, FIRST_VIEW_MS);
  });
}
