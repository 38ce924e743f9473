/** A VirtualService of one route, for tests of what may stand in it. */

/** A destination of it. */
export const to = (host: string, own: Record<string, unknown> = {}) => ({ destination: { host }, ...own });
/** `own` is the route's, which leads to `a` unless it says otherwise; `more` is the VirtualService's. */
export const spec = (own: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  hosts: ["a"],
  http: [
    {
      ...("redirect" in own || "directResponse" in own || "delegate" in own ? {} : { route: [to("a")] }),
      ...own,
    },
  ],
  ...more,
});
/** Every message of a case begins with the route's path. */
export const at = (...messages: string[]) => messages.map((message) => `spec.http[0]${message}`);
