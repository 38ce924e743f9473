import { describe, expect, it } from "vitest";
import { type Action, type PublishedObject, plan } from "./plan.ts";
import { servicePart, workload } from "./testing.ts";

const published = (
  { name, namespace, labels, owner, status }: ReturnType<typeof servicePart> | ReturnType<typeof workload>,
  more: Partial<PublishedObject> = {},
): PublishedObject => ({ name, namespace, uid: `uid-${name}`, labels, owner, hash: status.hash, ...more });
const brief = (actions: readonly Action[]) =>
  actions.map((action) => `${action.do} ${action.do === "delete" ? action.name : action.object.name}`);

describe("the plan", () => {
  const part = servicePart("web", "h1");

  it.each([
    ["nothing is published yet", [part], [], ["create web.service.default"]],
    ["the same is published", [part], [published(part)], []],
    ["another hash is published", [part], [published(part, { hash: "h0" })], ["write web.service.default"]],
    ["the status was never written", [part], [published(part, { hash: "" })], ["write web.service.default"]],
    ["a label is missing", [part], [published(part, { labels: {} })], ["relabel web.service.default"]],
    [
      "the service was deleted and made again",
      [part],
      [published(part, { owner: { apiVersion: "v1", kind: "Service", name: "web", uid: "an older one" } })],
      ["relabel web.service.default"],
    ],
    ["what is published was compiled no more", [], [published(part)], ["delete web.service.default"]],
    [
      "someone added a label of their own",
      [part],
      [published(part, { labels: { ...part.labels, team: "a" } })],
      [],
    ],
  ])("when %s", (_when, compiled, found, expected) => {
    expect(brief(plan(compiled, found).actions)).toEqual(expected);
  });

  it("deletes last, so that no part still names what is gone", () => {
    const [service, slice] = [servicePart("web", "h2"), servicePart("web", "h1", "endpoints")];
    const { actions, unchanged } = plan([service], [published(slice), published(part)]);
    expect(brief(actions)).toEqual(["write web.service.default", "delete web.endpoints-0.default"]);
    expect(unchanged).toBe(0);
  });

  it("takes the owner that was looked up before for the one meant, as a pod does not tell its uid", () => {
    const object = workload("web", "h1");
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "looked up" };
    expect(plan([object], [published(object, { owner })])).toEqual({ actions: [], unchanged: 1 });
  });
});
