import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AuthorizationRule, Condition, Operation, Source } from "../../crds/workload-config.ts";
import { type AuthorizationPolicies, compileAuthorization } from "./authorize.ts";
import type { AuthzHttp, AuthzRequest, TokenClaims } from "./types.ts";

const orders = "cluster.local/ns/production/sa/order-service";

interface Given extends Partial<Omit<AuthzRequest, "http">> {
  readonly http?: Partial<Omit<AuthzHttp, "header">> & { headers?: Record<string, string> };
  readonly tcp?: true;
}

function request({ http = {}, tcp, ...fields }: Given = {}): AuthzRequest {
  const { headers = {}, ...rest } = http;
  return {
    principal: orders,
    sourceIp: "10.0.0.7",
    remoteIp: "10.0.0.7",
    destinationIp: "10.0.0.9",
    destinationPort: 8080,
    sni: undefined,
    http: tcp
      ? undefined
      : {
          method: "POST",
          host: "pay:8080",
          path: "/api/v1/charge",
          header: (name) => headers[name],
          token: undefined,
          ...rest,
        },
    ...fields,
  };
}

const claims: Readonly<Record<string, readonly string[]>> = {
  group: ["admin", "dev"],
  "realm/roles": ["viewer"],
};
const alice: TokenClaims = {
  principal: "https://issuer.example/alice",
  audiences: ["shop", "bank"],
  presenter: "app",
  values: (path) => claims[path.join("/")] ?? [],
};
const withToken: Given = { http: { token: alice } };

const rule = (from: Source[] = [], to: Operation[] = [], when: Condition[] = []): AuthorizationRule => ({
  from,
  to,
  when,
});
const when = (key: string, values: string[], notValues: string[] = []): AuthorizationRule =>
  rule([], [], [{ key, values, notValues }]);
const policy = (
  action: "ALLOW" | "DENY" | "AUDIT" | "CUSTOM",
  ...rules: AuthorizationRule[]
): AuthorizationPolicies[number] => ({
  name: `${action.toLowerCase()}-policy`,
  namespace: "production",
  action,
  rules,
});
const allowedBy = (policies: AuthorizationPolicies, given?: Given) =>
  compileAuthorization(policies).authorize(request(given)).allowed;

describe("the order of policies", () => {
  const charge = policy(
    "ALLOW",
    rule([{ principals: [orders] }], [{ methods: ["POST"], paths: ["/api/v1/charge"] }]),
  );
  it.each<[string, AuthorizationPolicies, Given, boolean]>([
    ["no policy allows", [], {}, true],
    ["an ALLOW without rules denies everything", [policy("ALLOW")], {}, false],
    ["an ALLOW with an empty rule allows everything", [policy("ALLOW", rule())], { principal: "" }, true],
    ["a DENY with an empty rule denies everything", [policy("DENY", rule())], {}, false],
    ["an ALLOW that matches", [charge], {}, true],
    ["an ALLOW that does not match the path", [charge], { http: { path: "/api/v1/refund" } }, false],
    ["an ALLOW that does not match the peer", [charge], { principal: "cluster.local/ns/x/sa/y" }, false],
    ["one ALLOW of several", [policy("ALLOW"), charge], {}, true],
    ["DENY beats ALLOW", [charge, policy("DENY", rule([{ namespaces: ["production"] }]))], {}, false],
    [
      "a DENY that does not match leaves the default",
      [policy("DENY", rule([{ namespaces: ["other"] }]))],
      {},
      true,
    ],
    ["AUDIT never blocks", [policy("AUDIT", rule())], {}, true],
    ["AUDIT does not make ALLOW the default's end", [policy("AUDIT")], {}, true],
    ["CUSTOM denies what it matches", [policy("CUSTOM", rule([], [{ paths: ["/api/*"] }]))], {}, false],
    ["CUSTOM leaves what it does not match", [policy("CUSTOM", rule([], [{ paths: ["/x"] }]))], {}, true],
  ])("%s", (_, policies, given, allowed) => {
    expect(allowedBy(policies, given)).toBe(allowed);
  });

  it("names the rule that denied", () => {
    const decide = (policies: AuthorizationPolicies) =>
      compileAuthorization(policies).authorize(request()).detail;
    expect(decide([policy("DENY", rule([{ namespaces: ["x"] }]), rule())])).toBe(
      "rbac_access_denied_matched_policy[ns[production]-policy[deny-policy]-rule[1]]",
    );
    expect(decide([policy("ALLOW")])).toBe("rbac_access_denied_matched_policy[none]");
  });

  it("decides apart what policies on a dry run would do, which has no effect", () => {
    const dry = (action: "ALLOW" | "DENY", ...rules: AuthorizationRule[]) => ({
      ...policy("AUDIT", ...rules),
      dryRun: action,
    });
    const denies = compileAuthorization([dry("DENY", rule())]);
    expect([denies.applies, denies.authorize(request()).allowed]).toEqual([false, true]);
    expect(denies.dryRun?.(request())).toEqual({
      allowed: false,
      detail: "rbac_access_denied_matched_policy[ns[production]-policy[audit-policy]-rule[0]]",
    });
    const allows = compileAuthorization([
      policy("DENY", rule()),
      dry("ALLOW", rule([{ namespaces: ["x"] }])),
    ]);
    expect(allows.authorize(request()).allowed).toBe(false);
    expect(allows.dryRun?.(request()).allowed).toBe(false);
    expect(allows.dryRun?.(request({ principal: "cluster.local/ns/x/sa/y" })).allowed).toBe(true);
    expect(compileAuthorization([policy("DENY", rule())]).dryRun).toBeUndefined();
  });

  it("tells when there is nothing to evaluate", () => {
    expect(compileAuthorization([]).applies).toBe(false);
    expect(compileAuthorization([policy("AUDIT", rule())]).applies).toBe(false);
    expect(compileAuthorization([policy("ALLOW")]).applies).toBe(true);
  });
});

describe("a rule's fields", () => {
  it.each<[string, AuthorizationRule, Given, boolean]>([
    ["principal exact", rule([{ principals: [orders] }]), {}, true],
    ["principal prefix", rule([{ principals: ["cluster.local/ns/production/*"] }]), {}, true],
    ["principal suffix", rule([{ principals: ["*/order-service"] }]), {}, true],
    ["principal presence", rule([{ principals: ["*"] }]), {}, true],
    ["principal presence, plaintext", rule([{ principals: ["*"] }]), { principal: "" }, false],
    ["notPrincipals, plaintext", rule([{ notPrincipals: [orders] }]), { principal: "" }, true],
    ["notPrincipals", rule([{ notPrincipals: [orders] }]), {}, false],
    ["namespace", rule([{ namespaces: ["prod*"] }]), {}, true],
    ["namespace, plaintext", rule([{ namespaces: ["*"] }]), { principal: "" }, false],
    ["notNamespaces, plaintext", rule([{ notNamespaces: ["production"] }]), { principal: "" }, true],
    ["a namespace is no substring", rule([{ namespaces: ["prod"] }]), {}, false],
    ["service account in the policy's namespace", rule([{ serviceAccounts: ["order-service"] }]), {}, true],
    ["service account elsewhere", rule([{ serviceAccounts: ["bank/order-service"] }]), {}, false],
    ["trust domain", rule([{ trustDomains: ["cluster.local"] }]), {}, true],
    ["trust domain with * in the middle", rule([{ trustDomains: ["clu*local"] }]), {}, true],
    ["trust domain, the parts of which overlap", rule([{ trustDomains: ["cluster.l*local"] }]), {}, false],
    ["trust domain presence, plaintext", rule([{ trustDomains: ["*"] }]), { principal: "" }, false],
    ["request principal", rule([{ requestPrincipals: ["https://issuer.example/alice"] }]), withToken, true],
    [
      "request principals of an issuer",
      rule([{ requestPrincipals: ["https://issuer.example/*"] }]),
      withToken,
      true,
    ],
    ["request principals of a subject", rule([{ requestPrincipals: ["*/bob"] }]), withToken, false],
    ["any request principal", rule([{ requestPrincipals: ["*"] }]), withToken, true],
    ["any request principal, no token", rule([{ requestPrincipals: ["*"] }]), {}, false],
    ["no request principal", rule([{ notRequestPrincipals: ["*"] }]), {}, true],
    ["no request principal, a token", rule([{ notRequestPrincipals: ["*"] }]), withToken, false],
    [
      "a token beside another field",
      rule([{ requestPrincipals: ["*"], namespaces: ["x"] }]),
      withToken,
      false,
    ],
    ["fields of a source AND", rule([{ principals: [orders], namespaces: ["other"] }]), {}, false],
    ["sources OR", rule([{ namespaces: ["other"] }, { namespaces: ["production"] }]), {}, true],
    ["ipBlocks", rule([{ ipBlocks: ["10.0.0.0/24", "fd00::/8"] }]), {}, true],
    ["ipBlocks IPv6", rule([{ ipBlocks: ["fd00::/8"] }]), { sourceIp: "fd12::1" }, true],
    ["notIpBlocks", rule([{ notIpBlocks: ["10.0.0.7"] }]), {}, false],
    ["remoteIpBlocks", rule([{ remoteIpBlocks: ["192.0.2.0/24"] }]), { remoteIp: "192.0.2.5" }, true],
    ["methods have case", rule([], [{ methods: ["post"] }]), {}, false],
    ["notMethods", rule([], [{ notMethods: ["GET"] }]), {}, true],
    ["path prefix", rule([], [{ paths: ["/api/*"] }]), {}, true],
    ["path suffix", rule([], [{ paths: ["*/charge"] }]), {}, true],
    ["path template", rule([], [{ paths: ["/api/{*}/charge"] }]), {}, true],
    ["path template of one segment", rule([], [{ paths: ["/api/{*}"] }]), {}, false],
    ["path template of the rest", rule([], [{ paths: ["/api/{**}"] }]), {}, true],
    ["notPaths", rule([], [{ notPaths: ["/api/*"] }]), {}, false],
    [
      "a host without its port does not match the authority with one",
      rule([], [{ hosts: ["pay"] }]),
      {},
      false,
    ],
    ["hosts have no case", rule([], [{ hosts: ["PAY:*"] }]), {}, true],
    ["ports", rule([], [{ ports: ["80", "8080"] }]), {}, true],
    ["notPorts", rule([], [{ notPorts: ["8080"] }]), {}, false],
    ["operations OR", rule([], [{ methods: ["GET"] }, { paths: ["/api/*"] }]), {}, true],
    [
      "when header",
      when("request.headers[X-Env]", ["prod*"]),
      { http: { headers: { "x-env": "prod-1" } } },
      true,
    ],
    ["when header absent", when("request.headers[x-env]", ["*"]), {}, false],
    ["when header notValues", when("request.headers[x-env]", [], ["test"]), {}, true],
    ["when request.auth.principal", when("request.auth.principal", ["*/alice"]), withToken, true],
    ["when request.auth.principal, no token", when("request.auth.principal", ["*"]), {}, false],
    ["when one audience is named", when("request.auth.audiences", ["bank"]), withToken, true],
    ["when an audience is excluded", when("request.auth.audiences", [], ["bank"]), withToken, false],
    ["when request.auth.presenter", when("request.auth.presenter", ["app"]), withToken, true],
    ["when one of a claim's values is named", when("request.auth.claims[group]", ["dev"]), withToken, true],
    ["when a claim is there", when("request.auth.claims[group]", ["*"]), withToken, true],
    ["when a claim is not there", when("request.auth.claims[team]", ["*"]), withToken, false],
    [
      "when one of a claim's values is excluded",
      when("request.auth.claims[group]", [], ["dev"]),
      withToken,
      false,
    ],
    ["when a claim is excluded, no token", when("request.auth.claims[group]", [], ["dev"]), {}, true],
    ["when a nested claim", when("request.auth.claims[realm][roles]", ["view*"]), withToken, true],
    ["when a claim's name has a dot", when("request.auth.claims[realm.roles]", ["*"]), withToken, false],
    ["when source.ip", when("source.ip", ["10.0.0.0/8"]), {}, true],
    ["when remote.ip", when("remote.ip", ["11.0.0.0/8"]), {}, false],
    ["when source.namespace", when("source.namespace", ["production"]), {}, true],
    ["when source.principal", when("source.principal", [], [orders]), {}, false],
    ["when source.serviceAccount", when("source.serviceAccount", ["production/order-service"]), {}, true],
    ["when source.trustDomain", when("source.trustDomain", ["*"]), {}, true],
    ["when destination.ip", when("destination.ip", ["10.0.0.9"]), {}, true],
    ["when destination.port", when("destination.port", ["80"]), {}, false],
    ["when connection.sni", when("connection.sni", ["*.example"]), { sni: "a.example" }, true],
  ])("%s", (_, given, input, matches) => {
    expect(allowedBy([policy("ALLOW", given)], input)).toBe(matches);
    expect(allowedBy([policy("DENY", given)], input)).toBe(!matches);
  });
});

describe("what cannot be known errs towards refusal", () => {
  const connection: Given = { tcp: true };
  const token: Source = { requestPrincipals: ["*"] };
  it.each<[string, AuthorizationPolicies[number], Given, boolean]>([
    [
      "ALLOW with methods on TCP",
      policy("ALLOW", rule([], [{ methods: ["GET"], ports: ["8080"] }])),
      connection,
      false,
    ],
    ["ALLOW with ports alone on TCP", policy("ALLOW", rule([], [{ ports: ["8080"] }])), connection, true],
    [
      "ALLOW with a TCP alternative beside an HTTP one",
      policy("ALLOW", rule([], [{ methods: ["GET"] }, { ports: ["8080"] }])),
      connection,
      true,
    ],
    [
      "DENY drops methods on TCP",
      policy("DENY", rule([], [{ methods: ["GET"], ports: ["8080"] }])),
      connection,
      false,
    ],
    [
      "DENY keeps the ports on TCP",
      policy("DENY", rule([], [{ methods: ["GET"], ports: ["81"] }])),
      connection,
      true,
    ],
    [
      "DENY of only HTTP fields denies all TCP",
      policy("DENY", rule([], [{ notPaths: ["/x"] }])),
      connection,
      false,
    ],
    ["ALLOW when header on TCP", policy("ALLOW", when("request.headers[x]", ["*"])), connection, false],
    ["DENY when header on TCP", policy("DENY", when("request.headers[x]", ["*"])), connection, false],
    ["ALLOW with a token's principal on TCP", policy("ALLOW", rule([token])), connection, false],
    ["ALLOW without one on TCP", policy("ALLOW", rule([{ notRequestPrincipals: ["*"] }])), connection, false],
    ["DENY without one on TCP", policy("DENY", rule([{ notRequestPrincipals: ["*"] }])), connection, false],
    ["DENY with one on TCP", policy("DENY", rule([token])), connection, false],
    [
      "DENY with one elsewhere on TCP",
      policy("DENY", rule([{ ...token, namespaces: ["x"] }])),
      connection,
      true,
    ],
    [
      "ALLOW by claim on TCP",
      policy("ALLOW", when("request.auth.claims[group]", [], ["x"])),
      connection,
      false,
    ],
    ["DENY by claim on TCP", policy("DENY", when("request.auth.claims[group]", ["x"])), connection, false],
    [
      "ALLOW by a claim without a name",
      policy("ALLOW", when("request.auth.claims[]", ["y"])),
      withToken,
      false,
    ],
    [
      "DENY by a claim without a name",
      policy("DENY", when("request.auth.claims[]", ["y"])),
      withToken,
      false,
    ],
    ["ALLOW by an unknown key", policy("ALLOW", when("experimental.envoy.filters.x", ["y"])), {}, false],
  ])("%s", (_, given, input, allowed) => {
    expect(allowedBy([given], input)).toBe(allowed);
  });

  it("never throws, whatever the policies and the request", () => {
    const strings = fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 });
    const source = fc.record(
      { principals: strings, notNamespaces: strings, ipBlocks: strings, requestPrincipals: strings },
      { requiredKeys: [] },
    );
    const operation = fc.record(
      { hosts: strings, notPaths: strings, paths: strings, ports: strings },
      { requiredKeys: [] },
    );
    const condition = fc.record({ key: fc.string({ maxLength: 25 }), values: strings, notValues: strings });
    const rules = fc.array(
      fc.record({
        from: fc.array(source, { maxLength: 2 }),
        to: fc.array(operation, { maxLength: 2 }),
        when: fc.array(condition, { maxLength: 2 }),
      }),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(
        rules,
        fc.constantFrom("ALLOW" as const, "DENY" as const),
        fc.string(),
        fc.string(),
        (given, action, text, path) => {
          const authorizer = compileAuthorization([{ name: "p", namespace: "n", action, rules: given }]);
          expect(
            typeof authorizer.authorize(
              request({ principal: text, sourceIp: text, http: { path, host: text, token: alice } }),
            ).allowed,
          ).toBe("boolean");
        },
      ),
    );
  });
});
