/** One rule: whose tokens it takes, and what it makes of them. */
import type { JwtRule } from "../../crds/workload-config.ts";
import { KeySet } from "./keys.ts";
import * as refuse from "./refusals.ts";
import type { Token } from "./token.ts";

/** Clocks of issuers and of this node differ. */
export const CLOCK_SKEW_S = 60;

export class Rule {
  readonly config: JwtRule;
  readonly #keys: KeySet;
  readonly #audiences: ReadonlySet<string>;

  constructor(config: JwtRule) {
    this.config = config;
    this.#keys = KeySet.read(config.jwks);
    this.#audiences = new Set(config.audiences.map(bareAudience));
  }

  /** Whether the token is one for this rule that holds now (unix seconds), cheap checks first; undefined: it does. */
  async check(token: Token, now: number): Promise<refuse.JwtRefusal | undefined> {
    const { issuer } = this.config;
    if (issuer !== "" && token.issuer !== issuer) return refuse.UNKNOWN_ISSUER;
    if (token.notBefore !== undefined && now + CLOCK_SKEW_S < token.notBefore) return refuse.NOT_YET_VALID;
    if (token.expiresAt !== undefined && now > token.expiresAt + CLOCK_SKEW_S) return refuse.EXPIRED;
    if (this.#audiences.size > 0 && !token.audiences.some((each) => this.#audiences.has(bareAudience(each))))
      return refuse.WRONG_AUDIENCE;
    return this.#keys.verify(token);
  }
}

/** Audiences are compared without scheme and trailing slash, as Istio's users expect of `https://api.example.com/`. */
function bareAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, "").replace(/\/$/, "");
}
