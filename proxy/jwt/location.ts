/** A place in requests where tokens may stand, and the rules that look there. */
import type { JwtRule } from "../../crds/workload-config.ts";
import { Generations } from "../cache/generations.ts";
import { cookieValues } from "./cookies.ts";
import { parameters } from "./query.ts";
import type { JwtRefusal } from "./refusals.ts";
import { UNKNOWN_ISSUER } from "./refusals.ts";
import { CLOCK_SKEW_S, type Rule } from "./rule.ts";
import { parseToken, type Token } from "./token.ts";

/** A request, as far as tokens may stand in it. */
export interface TokenSource {
  /** Path with query. */
  readonly target: string;
  /** By lower-case name; repeated headers joined with ",". */
  header(name: string): string | undefined;
}

/** A place without the rules that look there. */
export interface Place {
  readonly kind: "header" | "parameter" | "cookie";
  readonly name: string;
  /** Of a header: what stands before the token. */
  readonly prefix: string;
}

const DEFAULT_PLACES: readonly Place[] = [
  { kind: "header", name: "authorization", prefix: "Bearer " },
  { kind: "parameter", name: "access_token", prefix: "" },
];

/** Where a rule looks: the defaults, unless it names places. */
export function placesOf(rule: JwtRule): readonly Place[] {
  const places: Place[] = [
    ...rule.fromHeaders.map(({ name, prefix }) => ({
      kind: "header" as const,
      name: name.toLowerCase(),
      prefix: prefix ?? "",
    })),
    ...rule.fromParams.map((name) => ({ kind: "parameter" as const, name, prefix: "" })),
    ...rule.fromCookies.map((name) => ({ kind: "cookie" as const, name, prefix: "" })),
  ];
  return places.length > 0 ? places : DEFAULT_PLACES;
}

/** A token that a rule has taken. */
export interface Verified {
  readonly refused?: never;
  readonly rule: Rule;
  readonly token: Token;
  /** Unix seconds. */
  readonly until: number;
}

/** Without the prefix it is another kind of credentials, not a bad token. */
function oneToken(value: string, prefix: string): readonly string[] {
  return value.startsWith(prefix) ? [value.slice(prefix.length).trim()] : NONE;
}

/** Of several headers an application may take another than we: beside a token, all that stands there has to be one. */
function severalTokens(value: string, prefix: string): readonly string[] {
  const parts = value.split(",").map((part) => part.trim());
  if (!parts.some((part) => part.startsWith(prefix))) return NONE;
  return parts.map((part) => (part.startsWith(prefix) ? part.slice(prefix.length).trim() : part));
}

/** Characters of tokens that one generation of a cache remembers. */
const CACHED = 1024 * 1024;
const NONE: readonly string[] = [];

export class Location<Answer> {
  readonly place: Place;
  readonly rules: readonly Rule[];
  readonly #answer: (verified: Verified, location: Location<Answer>) => Answer;
  /** By the token's exact text. Only good ones: others could be made without end. */
  readonly #known = new Generations<string, { readonly until: number; readonly answer: Answer }>(
    CACHED,
    (token) => token.length,
  );
  readonly #underWay = new Map<string, Promise<Answer | JwtRefusal>>();

  constructor(
    place: Place,
    rules: readonly Rule[],
    answer: (verified: Verified, location: Location<Answer>) => Answer,
  ) {
    this.place = place;
    this.rules = rules;
    this.#answer = answer;
  }

  /** The tokens that stand here; most requests have none or one. */
  tokens(source: TokenSource): readonly string[] {
    const { kind, name, prefix } = this.place;
    if (kind === "parameter") return source.target.includes("?") ? parameters(source.target, name) : NONE;
    const value = source.header(kind === "cookie" ? "cookie" : name);
    if (value === undefined) return NONE;
    if (kind === "cookie") return cookieValues(value, name);
    return value.includes(",") ? severalTokens(value, prefix) : oneToken(value, prefix);
  }

  /** What a token means, from memory or once its signature is checked; `now` in unix seconds. Never rejects. */
  verify(text: string, now: number): Answer | JwtRefusal | Promise<Answer | JwtRefusal> {
    const known = this.#known.get(text);
    if (known !== undefined) {
      if (now <= known.until) return known.answer;
      this.#known.delete(text);
    }
    const token = parseToken(text);
    if (token.refused) return token;
    let outcome = this.#underWay.get(text);
    if (outcome === undefined) {
      outcome = this.#check(text, token, now).finally(() => this.#underWay.delete(text));
      this.#underWay.set(text, outcome);
    }
    return outcome;
  }

  /** The first rule that takes the token; otherwise the most telling refusal. */
  async #check(text: string, token: Token, now: number): Promise<Answer | JwtRefusal> {
    let refusal: JwtRefusal = UNKNOWN_ISSUER;
    for (const rule of this.rules) {
      const refused = await rule.check(token, now);
      if (refused === undefined) {
        const until =
          token.expiresAt === undefined ? Number.POSITIVE_INFINITY : token.expiresAt + CLOCK_SKEW_S;
        const answer = this.#answer({ rule, token, until }, this);
        this.#known.set(text, { until, answer });
        return answer;
      }
      if (refusal === UNKNOWN_ISSUER) refusal = refused;
    }
    return refusal;
  }
}
