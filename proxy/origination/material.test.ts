import { expect, it } from "vitest";
import { FakeClock } from "../config/clock.fake.ts";
import type { ObjectData } from "./credential.ts";
import { Credentials } from "./credentials.ts";
import { TlsFiles } from "./files.ts";
import { TlsMaterials } from "./material.ts";

const files = new TlsFiles({ stamp: () => "", read: (path) => `content of ${path}` });
const secret: ObjectData = { "tls.crt": "C", "tls.key": "K", "ca.crt": "A" };
const materials = (data: ObjectData = secret) =>
  new TlsMaterials(
    files,
    new Credentials({
      namespace: "shop",
      read: async (_, name) => (name === "vault" ? data : undefined),
      clock: new FakeClock(),
    }),
  );
const none = { certificate: undefined, key: undefined, anchors: undefined, revocation: undefined };

it("is of the files that a policy names, at once", () => {
  const tls = { mode: "MUTUAL", subjectAltNames: [], clientCertificate: "/c", privateKey: "/k" } as const;
  expect(materials().of(tls, 0)).toEqual({ ...none, certificate: "content of /c", key: "content of /k" });
});

it("is of the credential that a policy names", async () => {
  const tls = { mode: "MUTUAL", subjectAltNames: [], credentialName: "vault" } as const;
  expect(await materials().of(tls, 0)).toEqual({ ...none, certificate: "C", key: "K", anchors: "A" });
});

it("shows nobody a certificate whom SIMPLE only proves", async () => {
  const tls = { mode: "SIMPLE", subjectAltNames: [], credentialName: "vault" } as const;
  expect(await materials().of(tls, 0)).toEqual({ ...none, anchors: "A" });
});

it("refuses everyone when a credential's revocation lists cannot be read, but where nothing is verified", async () => {
  const withLists = materials({ ...secret, "ca.crl": "nothing" });
  const tls = { mode: "MUTUAL", subjectAltNames: [], credentialName: "vault" } as const;
  await expect(withLists.of(tls, 0)).rejects.toThrow("expected a PEM revocation list, found none");
  const unverified = await withLists.of({ ...tls, insecureSkipVerify: true }, 0);
  expect(unverified).toMatchObject({ certificate: "C", revocation: undefined });
});

it("never falls back from a credential to files or the system's authorities", async () => {
  const tls = {
    mode: "SIMPLE",
    subjectAltNames: [],
    credentialName: "other",
    caCertificates: "/a",
  } as const;
  await expect(materials().of(tls, 0)).rejects.toThrow("Secret shop/other: not found");
  await expect(materials({ "tls.crt": "C" }).of({ ...tls, credentialName: "vault" }, 0)).rejects.toThrow(
    "expected the server's authorities",
  );
  expect(() => new TlsMaterials(files, undefined).of(tls, 0)).toThrow(
    "there is no API server to read it from",
  );
});
