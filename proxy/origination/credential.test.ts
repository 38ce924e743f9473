import { describe, expect, it } from "vitest";
import {
  type Credential,
  CredentialError,
  demand,
  type ObjectData,
  readCredential,
  referenceOf,
} from "./credential.ts";

/** Reads what is written as `RESOURCE/NAME`; what is an error is thrown. */
const reading =
  (objects: Readonly<Record<string, ObjectData | Error>>) => async (resource: string, name: string) => {
    const found = objects[`${resource}/${name}`];
    if (found instanceof Error) throw found;
    return found;
  };
const of = (text: string, objects: Readonly<Record<string, ObjectData | Error>>) =>
  readCredential(text, "shop", reading(objects));
const refused = new CredentialError("may not be listed");

describe("what a credentialName refers to", () => {
  it.each([
    ["vault", "secrets", "vault"],
    ["kubernetes://vault.v1", "secrets", "vault.v1"],
    ["kubernetes://shop/vault", "secrets", "vault"],
    ["configmap://roots", "configmaps", "roots"],
    ["configmap://shop/roots", "configmaps", "roots"],
  ])("%s", (text, resource, name) => {
    expect(referenceOf(text, "shop")).toEqual({ resource, name });
  });

  it.each(["kubernetes://other/vault", "configmap://other/roots"])("%s is of another namespace", (text) => {
    expect(() => referenceOf(text, "shop")).toThrow(
      `credentialName ${text}: expected a name in the pod's own namespace, shop`,
    );
  });

  it.each([
    "shop/vault",
    "Vault",
    "a,metadata.namespace=b",
    "sds://vault",
    "configmap://",
    "kubernetes://shop/a/b",
    `a${"b".repeat(253)}`,
  ])("%s is no object's name", (text) => {
    expect(() => referenceOf(text, "shop")).toThrow("expected the name of a Secret, or configmap://NAME");
  });
});

describe("a credential", () => {
  const nothing: Credential = {
    certificate: undefined,
    key: undefined,
    anchors: undefined,
    lists: undefined,
  };
  const tls = { "tls.crt": "C", "tls.key": "K", "ca.crt": "A", "ca.crl": "L" };
  const generic = { cert: "c", key: "k", cacert: "a", crl: "l" };

  it.each<[string, Readonly<Record<string, ObjectData | Error>>, Partial<Credential>]>([
    [
      "has the keys of a Secret of type tls",
      { "secrets/vault": tls },
      { certificate: "C", key: "K", anchors: "A", lists: "L" },
    ],
    [
      "has the keys of one of type generic, which come first",
      { "secrets/vault": { ...tls, ...generic } },
      { certificate: "c", key: "k", anchors: "a", lists: "l" },
    ],
    [
      "takes a pair as a whole",
      { "secrets/vault": { ...tls, cert: "c" } },
      { certificate: "C", key: "K", anchors: "A", lists: "L" },
    ],
    [
      "takes what is empty for nothing",
      { "secrets/vault": { ...tls, "ca.crt": "\n", cacert: "" } },
      { certificate: "C", key: "K", lists: "L" },
    ],
    [
      "has the authorities of a Secret of their own, if there is one",
      { "secrets/vault": tls, "secrets/vault-cacert": { cacert: "o" } },
      { certificate: "C", key: "K", anchors: "o" },
    ],
    ["may be of authorities alone", { "secrets/vault-cacert": { "ca.crt": "o" } }, { anchors: "o" }],
    [
      "needs no permission for authorities apart",
      { "secrets/vault": tls, "secrets/vault-cacert": refused },
      { certificate: "C", key: "K", anchors: "A", lists: "L" },
    ],
    [
      "needs no permission for a pair where authorities are enough",
      { "secrets/vault": refused, "secrets/vault-cacert": { cacert: "o" } },
      { anchors: "o" },
    ],
  ])("%s", async (_, objects, expected) => {
    expect(await of("vault", objects)).toEqual({ ...nothing, ...expected });
  });

  it("of a ConfigMap is of authorities alone", async () => {
    expect(await of("configmap://roots", { "configmaps/roots": { ...tls, cacert: "a" } })).toEqual({
      ...nothing,
      anchors: "a",
      lists: "L",
    });
  });

  it("that is not there is named", async () => {
    await expect(of("vault", {})).rejects.toThrow("Secret shop/vault: not found");
    await expect(of("configmap://roots", {})).rejects.toThrow("ConfigMap shop/roots: not found");
  });

  it("that may not be read is refused with the reason", async () => {
    await expect(of("vault", { "secrets/vault": refused })).rejects.toBe(refused);
    await expect(of("configmap://roots", { "configmaps/roots": refused })).rejects.toBe(refused);
  });

  it("is not judged where nobody answered", async () => {
    const down = new Error("connection refused");
    await expect(of("vault", { "secrets/vault": tls, "secrets/vault-cacert": down })).rejects.toBe(down);
  });

  it("has to have what the mode needs", () => {
    const asked = (mutual: boolean, verified: boolean) => ({ text: "vault", mutual, verified });
    const whole = { ...nothing, certificate: "C", key: "K", anchors: "A" };
    expect(demand(whole, asked(true, true))).toBe(whole);
    expect(() => demand({ ...whole, key: undefined }, asked(true, true))).toThrow(
      "expected a certificate and its key",
    );
    expect(() => demand({ ...whole, anchors: undefined }, asked(true, true))).toThrow(
      "expected the server's authorities, under ca.crt or cacert of it or of vault-cacert",
    );
    const pair = { ...whole, anchors: undefined };
    expect(demand(pair, asked(true, false))).toBe(pair);
    const authorities = { ...nothing, anchors: "A" };
    expect(demand(authorities, asked(false, true))).toBe(authorities);
  });
});
