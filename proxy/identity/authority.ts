/** Control's certificate authority as a proxy calls it: one POST with the workload's token. */
import { readFile } from "node:fs/promises";
import { readAll, request } from "../https/request.ts";

/** Certificates as issued. */
export interface Issued {
  /** Leaf first. */
  readonly certChainPem: string;
  /** PEM anchors. */
  readonly trustBundle: string;
  /** Unix ms. */
  readonly notAfter: number;
}

export interface Authority {
  /** Throws AuthorityError for a refusal, and what the transport throws when there is no answer. */
  issue(requestPem: string, anchors: string): Promise<Issued>;
}

/** What went wrong at the authority, as it says itself. */
export class AuthorityError extends Error {
  override readonly name = "AuthorityError";
  /** `WEFT_CA_…`. */
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint = "") {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface AuthorityOptions {
  /** `https://control-REV.istio-system.svc:15012`. */
  readonly url: string;
  /** Path of the token with the authority's audience; read anew for each request. */
  readonly tokenFile: string;
}

const answerMs = 10_000;
/** A chain of a few certificates and a bundle of a few anchors. */
const maxAnswerBytes = 512 * 1024;

export function createAuthority({ url, tokenFile }: AuthorityOptions): Authority {
  return {
    async issue(requestPem, anchors) {
      const token = (await readFile(tokenFile, "utf8")).trim();
      const { status, body } = await request({
        method: "POST",
        url: new URL(`${url}/v1/certificates`),
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ csr: requestPem }),
        anchors,
        signal: AbortSignal.timeout(answerMs),
      });
      const answer = parse((await readAll(body, maxAnswerBytes)).toString());
      return status === 201 ? decodeIssued(answer) : refuse(status, answer);
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Checks an answer's shape; what is in the certificates is for whoever uses them. */
export function decodeIssued(body: unknown): Issued {
  const { certificates, trustBundle, notAfter } = (body ?? {}) as Record<string, unknown>;
  const chain = Array.isArray(certificates) ? certificates : [];
  const expires = typeof notAfter === "string" ? Date.parse(notAfter) : Number.NaN;
  const isPem = (text: unknown): text is string =>
    typeof text === "string" && text.includes("-----BEGIN CERTIFICATE-----");
  if (chain.length === 0 || !chain.every(isPem) || !isPem(trustBundle) || Number.isNaN(expires)) {
    throw new AuthorityError(
      "WEFT_CA_ANSWER",
      "expected certificates, trustBundle and notAfter in the authority's answer",
    );
  }
  return { certChainPem: chain.map((each) => `${each.trim()}\n`).join(""), trustBundle, notAfter: expires };
}

function refuse(status: number, body: unknown): never {
  const { code, message, hint } = (body ?? {}) as Record<string, unknown>;
  throw new AuthorityError(
    typeof code === "string" ? code : "WEFT_CA_ANSWER",
    `the authority answered ${status}: ${typeof message === "string" ? message : "without a reason"}`,
    typeof hint === "string" ? hint : "",
  );
}
