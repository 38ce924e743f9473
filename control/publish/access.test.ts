import { describe, expect, it } from "vitest";
import { createFakeClient } from "../../kube/client.fake.ts";
import { createFakeClock } from "../../kube/clock.fake.ts";
import { createStore, type MetaObject, resources, silentLog } from "../../kube/index.ts";
import { createProxyAccess } from "./access.ts";

function stand(meshed: Set<string>) {
  const client = createFakeClient();
  const clock = createFakeClock();
  const [roles, roleBindings] = [createStore<MetaObject>(), createStore<MetaObject>()];
  const handlers: ((object: MetaObject) => void)[] = [];
  const informer = (store: typeof roles) => ({
    store,
    onChange(handler: (change: never) => void) {
      handlers.push((object) => handler({ type: "delete", object } as never));
      return () => {};
    },
  });
  const access = createProxyAccess({
    client,
    roles: informer(roles),
    roleBindings: informer(roleBindings),
    isMeshed: (namespace) => meshed.has(namespace),
    clock,
    random: () => 0,
    log: silentLog,
  });
  const stop = new AbortController();
  const sync = () => {
    for (const namespace of meshed) {
      for (const [store, resource] of [
        [roles, resources.roles],
        [roleBindings, resources.roleBindings],
      ] as const) {
        const object = client.peek(resource, namespace, "weft-proxy");
        if (object !== undefined) store.set(object);
      }
    }
  };
  return {
    access,
    client,
    clock,
    roles,
    sync,
    lead: () => void access.lead(stop.signal, ["a", "b"]),
    roleGone: (object: MetaObject) => handlers[0]?.(object),
    requests: () =>
      client.requests.splice(0).map((line) => line.replace("rbac.authorization.k8s.io/v1/namespaces/", "")),
  };
}

describe("the proxies' access", () => {
  it("is given in meshed namespaces alone, once, and only by the leader", async () => {
    const meshed = new Set(["a"]);
    const { access, clock, lead, sync, requests } = stand(meshed);
    access.changed("a");
    await clock.advance(1000);
    expect(requests()).toEqual([]);
    lead();
    await clock.advance(0);
    expect(requests()).toEqual(["apply /apis/a/roles/weft-proxy", "apply /apis/a/rolebindings/weft-proxy"]);
    sync();
    access.changed("a");
    await clock.advance(1000);
    expect(requests()).toEqual([]);
    meshed.add("b");
    access.changed("b");
    await clock.advance(0);
    expect(requests()).toEqual(["apply /apis/b/roles/weft-proxy", "apply /apis/b/rolebindings/weft-proxy"]);
  });

  it("is to read WorkloadConfigs of the namespace, for its service accounts", async () => {
    const { client, clock, lead } = stand(new Set(["a"]));
    lead();
    await clock.advance(0);
    expect(client.peek(resources.roles, "a", "weft-proxy")?.rules).toEqual([
      { apiGroups: ["mesh.weft.dev"], resources: ["workloadconfigs"], verbs: ["get", "list", "watch"] },
    ]);
    expect(client.peek(resources.roleBindings, "a", "weft-proxy")).toMatchObject({
      roleRef: { kind: "Role", name: "weft-proxy" },
      subjects: [{ kind: "Group", name: "system:serviceaccounts:a" }],
    });
  });

  it("is given back when someone takes it away", async () => {
    const { clock, lead, sync, roles, roleGone, requests } = stand(new Set(["a"]));
    lead();
    await clock.advance(0);
    sync();
    requests();
    const role = roles.delete("a/weft-proxy");
    if (role !== undefined) roleGone(role);
    await clock.advance(0);
    expect(requests()).toEqual(["apply /apis/a/roles/weft-proxy"]);
  });
});
