/** `@peculiar/x509` ready to use: it needs the reflection polyfill loaded before it, and Node's WebCrypto. */
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { cryptoProvider } from "@peculiar/x509";

cryptoProvider.set(webcrypto as Crypto);

export * from "@peculiar/x509";
