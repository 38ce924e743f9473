/** Decoders of what a workload asks of the requests it takes: tokens and rates, crds/workload-config.ts as it arrives. */
import type { JwtRule, RateLimit } from "../../../crds/workload-config.ts";
import { type Decoder, exactly, flag, list, number, object, oneOf, optional, port, text } from "./shape.ts";

// A demand of a later release that an older proxy left out would take tokens that the user refuses.
export const jwtRule: Decoder<JwtRule> = exactly({
  name: text,
  issuer: text,
  audiences: list(text),
  jwks: text,
  fromHeaders: list(exactly({ name: text, prefix: optional(text) })),
  fromParams: list(text),
  fromCookies: list(text),
  outputPayloadToHeader: optional(text),
  outputClaimToHeaders: list(exactly({ header: text, claim: text })),
  forwardOriginalToken: flag,
  spaceDelimitedClaims: list(text),
});

export const rateLimit: Decoder<RateLimit> = object({
  name: text,
  methods: list(text),
  paths: list(text),
  headers: list(object({ name: text, exact: optional(text), prefix: optional(text) })),
  ports: list(port),
  maxTokens: number(1, 1e9),
  tokensPerFill: number(1, 1e9),
  fillIntervalMs: number(1, 86_400_000),
  key: list(object({ kind: oneOf("header", "path", "principal", "source", "method"), name: optional(text) })),
  status: number(400, 599),
  enforced: flag,
  headersInResponse: flag,
  grpcResourceExhausted: flag,
});
