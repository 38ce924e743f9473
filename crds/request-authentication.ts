/** RequestAuthentication: whose tokens workloads take, and where these stand in requests. */
import { atMostOneOf } from "./cel.ts";
import { security, targetReference, workloadSelector } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import {
  boolean,
  duration,
  enumeration,
  type Infer,
  list,
  object,
  required,
  string,
  strings,
} from "./schema.ts";

const filled = { item: { minLength: 1 } } as const;

const keySetAddress = (description: string) =>
  string(description, {
    minLength: 1,
    maxLength: 2048,
    // A pattern, since CEL's url() over 4096 rules would be over the API server's budget.
    pattern: "^https?://[^/?#]+.*$",
  });

const jwtRule = object(
  "Whose tokens are taken, where they stand, and what becomes of them.",
  {
    issuer: string("Who issues the tokens: their `iss`."),
    audiences: strings("Audiences, one of which a token must be for; absent: any.", filled),
    jwksUri: keySetAddress(
      "Where the issuer's keys are; absent, and without `jwks`: found by OpenID Connect discovery.",
    ),
    jwks_uri: keySetAddress("The same as `jwksUri`."),
    jwks: string("The issuer's keys, as JSON."),
    fromHeaders: list(
      "Headers that carry a token. Naming any place takes the place of `Authorization: Bearer` and `?access_token=`.",
      object("A header.", {
        name: required(string("Its name.", { minLength: 1 })),
        prefix: string("What stands before the token, such as `Bearer `."),
      }),
    ),
    fromParams: strings("Query parameters that carry a token.", filled),
    fromCookies: strings("Cookies that carry a token.", filled),
    outputPayloadToHeader: string("The header in which the application gets the payload, in base64url."),
    outputClaimToHeaders: list(
      "Headers in which the application gets a claim.",
      object("A header.", {
        header: required(string("Its name.", { minLength: 1, pattern: "^[-_A-Za-z0-9]+$" })),
        claim: required(string("The claim's name; dots lead into objects.", { minLength: 1 })),
      }),
    ),
    forwardOriginalToken: boolean("Whether the application gets the token, too."),
    timeout: duration("How long fetching the keys may take; 5s when absent."),
    spaceDelimitedClaims: strings("Claims whose words are values, besides `scope` and `permission`.", {
      ...filled,
      maxItems: 64,
    }),
    presence: enumeration("Whether a request may come without a token.", ["OPTIONAL", "REQUIRED"]),
  },
  { rules: [atMostOneOf("jwksUri", "jwks_uri", "jwks")] },
);

const spec = object(
  "Whose tokens are taken. A bad token is refused; none at all is for an AuthorizationPolicy to refuse.",
  {
    selector: workloadSelector(
      "The workloads it is for; absent: all of the namespace, or of the mesh in the root namespace.",
    ),
    targetRef: targetReference("The gateway or service it is for."),
    targetRefs: list("The gateways or services it is for.", targetReference("One target."), { maxItems: 16 }),
    jwtRules: list("The rules, each for one issuer.", jwtRule, { maxItems: 4096 }),
  },
  { rules: [atMostOneOf("selector", "targetRef", "targetRefs")] },
);

export type RequestAuthenticationSpec = Infer<typeof spec>;
export type JwtRule = Infer<typeof jwtRule>;
export type RequestAuthentication = ObjectOfKind<typeof spec, typeof security.status>;

export const requestAuthentication = {
  ...security,
  kind: "RequestAuthentication",
  plural: "requestauthentications",
  singular: "requestauthentication",
  shortNames: ["ra"],
  description: "Says whose tokens workloads take.",
  printerColumns: [ageColumn],
  spec,
} as const satisfies Kind;
