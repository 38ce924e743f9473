import { expect, it } from "vitest";
import { type Api, ApiError, type Query } from "../config/api/api.ts";
import { createCredentialReader } from "./credential-objects.ts";

const reader = (answer: (path: string, query: Query) => unknown) => {
  const api: Pick<Api, "list"> = { list: async (path, query) => answer(path, query) };
  return createCredentialReader(api, "shop");
};

it("lists the one object by its name, which a role for it alone allows", async () => {
  const asked: unknown[] = [];
  const read = reader((path, query) => {
    asked.push([path, query]);
    return { items: [] };
  });
  expect(await read("secrets", "vault")).toBeUndefined();
  expect(await read("configmaps", "roots")).toBeUndefined();
  expect(asked).toEqual([
    ["/api/v1/namespaces/shop/secrets", { fieldSelector: "metadata.name=vault" }],
    ["/api/v1/namespaces/shop/configmaps", { fieldSelector: "metadata.name=roots" }],
  ]);
});

it("decodes what a Secret holds, and takes a ConfigMap's text as it is", async () => {
  const data = { "ca.crt": Buffer.from("Zürich").toString("base64"), odd: 1 };
  const read = reader(() => ({ items: [{ data }] }));
  expect(await read("secrets", "vault")).toEqual({ "ca.crt": "Zürich" });
  expect(await read("configmaps", "vault")).toEqual({ "ca.crt": data["ca.crt"] });
  expect(await reader(() => ({ items: [{}] }))("secrets", "vault")).toEqual({});
});

it("says which role is missing when it may not", async () => {
  const read = reader(() => {
    throw new ApiError(403, "GET: 403 secrets is forbidden");
  });
  await expect(read("secrets", "vault")).rejects.toThrow(
    /^secrets shop\/vault: the pod's service account may not list it \(GET: 403 .*\); next: kubectl create role vault -n shop --verb=list --resource=secrets --resource-name=vault, /,
  );
});

it("passes on that the API server fails", async () => {
  const error = new ApiError(500, "etcd is gone");
  const read = reader(() => {
    throw error;
  });
  await expect(read("secrets", "vault")).rejects.toBe(error);
});
