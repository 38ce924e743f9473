/**
 * The RequestAuthentications of a workload as one question: whom does a request's token speak for?
 *
 * A request without a token passes; whoever wants one writes an AuthorizationPolicy. Every token that a request carries has
 * to satisfy one of the rules that look where it stands, or the application might take the bad one for the good one.
 * Verified tokens are remembered, so that all requests but a client's first cost a look-up and wait for nothing.
 */
import type { JwtRule } from "../../crds/workload-config.ts";
import { Claims } from "./claims.ts";
import { withoutCookies } from "./cookies.ts";
import { Location, type Place, placesOf, type TokenSource, type Verified } from "./location.ts";
import { headerLines, outputNames, outputsOf } from "./outputs.ts";
import { withoutParameters } from "./query.ts";
import { type JwtRefusal, TOO_MANY } from "./refusals.ts";
import { Rule } from "./rule.ts";

export type { TokenSource } from "./location.ts";
export type { JwtRefusal } from "./refusals.ts";

/** What holds of a request that passed: what is known of its caller, and what the application gets instead of the token. */
export interface Authenticated {
  readonly refused?: never;
  /** Undefined for a request without a token. */
  readonly claims: Claims | undefined;
  /** Lower-case names of headers to drop. */
  readonly remove: ReadonlySet<string> | undefined;
  /** Header lines to add. */
  readonly add: string;
  /** Replaces path and query; undefined leaves them. */
  readonly target: string | undefined;
  /** What the rules wrote, by lower-case name: policies see this and not what the client sent under such a name. */
  readonly outputs: ReadonlyMap<string, string>;
}

export interface Authenticator {
  /** The headers that rules write, lower-case. */
  readonly outputNames: ReadonlySet<string>;
  /** `now` in unix ms. A promise, which never rejects, when a signature has to be checked first. */
  authenticate(
    source: TokenSource,
    now: number,
  ): Authenticated | JwtRefusal | Promise<Authenticated | JwtRefusal>;
}

/** Tokens in one request. */
const MAX_TOKENS = 8;

/** One token's part in the answer. */
interface Good extends Authenticated {
  readonly location: Location<Good>;
  readonly forwards: boolean;
}

type Outcome = Good | JwtRefusal;

/** Undefined when there are no rules: nothing to ask. */
export function compileJwt(configs: readonly JwtRule[]): Authenticator | undefined {
  if (configs.length === 0) return undefined;
  const names = new Set(configs.flatMap(outputNames));
  const locations = locate(configs, names);
  const stripped = names.size > 0 ? names : undefined;
  const absent: Authenticated = Object.freeze({
    claims: undefined,
    remove: stripped,
    add: "",
    target: undefined,
    outputs: new Map<string, string>(),
  });

  return {
    outputNames: names,
    authenticate(source, now) {
      const seconds = now / 1000;
      let first: Outcome | Promise<Outcome> | undefined;
      let rest: (Outcome | Promise<Outcome>)[] | undefined;
      let count = 0;
      for (const location of locations) {
        for (const token of location.tokens(source)) {
          if (++count > MAX_TOKENS) return TOO_MANY;
          const outcome = location.verify(token, seconds);
          if (first === undefined) first = outcome;
          else {
            rest ??= [];
            rest.push(outcome);
          }
        }
      }
      if (first === undefined) return absent;
      if (rest === undefined && !(first instanceof Promise)) return finish(source, first);
      return Promise.all([first, ...(rest ?? [])]).then((outcomes) => combine(source, outcomes));
    },
  };
}

/** Every place that some rule looks at, once, with all the rules that do. */
function locate(configs: readonly JwtRule[], names: ReadonlySet<string>): readonly Location<Good>[] {
  const rules = configs.map((config) => new Rule(config));
  const places = new Map<string, { readonly place: Place; readonly rules: Rule[] }>();
  for (const rule of rules) {
    for (const place of placesOf(rule.config)) {
      const key = JSON.stringify([place.kind, place.name, place.prefix]);
      const known = places.get(key);
      if (known === undefined) places.set(key, { place, rules: [rule] });
      else known.rules.push(rule);
    }
  }
  return [...places.values()].map(
    ({ place, rules: own }) =>
      new Location(place, own, (verified, location) => good(verified, location, names)),
  );
}

function good({ rule, token }: Verified, location: Location<Good>, names: ReadonlySet<string>): Good {
  const { config } = rule;
  const outputs = outputsOf(config, token);
  const dropped = location.place.kind === "header" && !config.forwardOriginalToken;
  const remove = dropped ? new Set([...names, location.place.name]) : names;
  return Object.freeze({
    claims: new Claims(token, config.spaceDelimitedClaims),
    remove: remove.size > 0 ? remove : undefined,
    add: headerLines(outputs),
    target: undefined,
    outputs,
    location,
    forwards: config.forwardOriginalToken,
  });
}

/** A token in a header costs nothing more; one elsewhere is cut out of what is forwarded. */
function finish(source: TokenSource, outcome: Outcome): Authenticated | JwtRefusal {
  if (outcome.refused) return outcome;
  return outcome.forwards || outcome.location.place.kind === "header" ? outcome : combine(source, [outcome]);
}

/** All have to be good; whom the request speaks for is said by the first, in the order of the rules. */
function combine(source: TokenSource, outcomes: readonly Outcome[]): Authenticated | JwtRefusal {
  const goods: Good[] = [];
  for (const outcome of outcomes) {
    if (outcome.refused) return outcome;
    goods.push(outcome);
  }
  const outputs = new Map(goods.toReversed().flatMap((each) => [...each.outputs]));
  const remove = new Set(goods.flatMap((each) => [...(each.remove ?? [])]));
  const dropped = (kind: Place["kind"]) =>
    new Set(
      goods.flatMap(({ forwards, location: { place } }) =>
        !forwards && place.kind === kind ? [place.name] : [],
      ),
    );
  const cookies = dropped("cookie");
  let add = headerLines(outputs);
  if (cookies.size > 0) {
    const left = withoutCookies(source.header("cookie") ?? "", cookies);
    remove.add("cookie");
    if (left !== "") add += `cookie: ${left}\r\n`;
  }
  const parameters = dropped("parameter");
  return {
    claims: goods[0]?.claims,
    remove: remove.size > 0 ? remove : undefined,
    add,
    target: parameters.size > 0 ? withoutParameters(source.target, parameters) : undefined,
    outputs,
  };
}
