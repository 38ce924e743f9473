import { parentPort } from "node:worker_threads";
import { createLeaf, type KeyPairPem, readSigningKey, type SigningKey } from "./certificates.ts";
import { readCsr } from "./csr.ts";
import { CaError, type CaErrorCode } from "./errors.ts";

/** Replaces the key that this worker signs with; messages are handled in order. */
export interface AuthorityMessage {
  readonly kind: "authority";
  readonly pair: KeyPairPem;
}

export interface SignMessage {
  readonly kind: "sign";
  readonly id: number;
  readonly csr: string;
  readonly uri: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

export type SignerReply =
  | { readonly id: number; readonly certificate: string }
  | { readonly id: number; readonly code: CaErrorCode; readonly detail: string }
  | { readonly id: number; readonly failure: string };

if (parentPort !== null) {
  const port = parentPort;
  let signing: Promise<SigningKey> | undefined;
  port.on("message", (message: AuthorityMessage | SignMessage) => {
    if (message.kind === "authority") {
      signing = readSigningKey(message.pair);
      // Told to whoever asks for a signature next; unheard, it would end the worker.
      signing.catch(() => {});
      return;
    }
    void sign(signing, message).then((reply) => port.postMessage(reply));
  });
}

async function sign(signing: Promise<SigningKey> | undefined, message: SignMessage): Promise<SignerReply> {
  const { id, csr, uri, notBefore, notAfter } = message;
  try {
    const publicKey = await readCsr(csr);
    const key = await signing;
    if (key === undefined) throw new Error("no authority was given to this worker");
    return { id, certificate: await createLeaf(key, publicKey, { uri }, { notBefore, notAfter }) };
  } catch (error) {
    if (error instanceof CaError) return { id, code: error.code, detail: error.detail ?? "" };
    return { id, failure: error instanceof Error ? error.message : String(error) };
  }
}
