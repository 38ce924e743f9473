/** AuthorizationPolicy: which requests workloads take, by who calls, what is asked, and under which conditions. */
import { atMostOneOf } from "./cel.ts";
import { security, targetReference, workloadSelector } from "./istio/common.ts";
import { ageColumn, type Kind, type ObjectOfKind } from "./kind.ts";
import { enumeration, type Infer, list, object, required, string, strings } from "./schema.ts";

const accounts = (description: string) =>
  strings(description, {
    maxItems: 16,
    // A pattern, since CEL over 512 rules of 512 sources of 16 accounts would be over the API server's budget.
    item: { minLength: 1, maxLength: 320, pattern: "^[^/]*(/[^/]*)?$" },
  });

const source = object(
  "Who calls. All fields that are set must hold; within one, any value does. `*` stands for any text at the beginning, the end, or alone.",
  {
    principals: strings("Identities of the peer, `TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT`; needs mutual TLS."),
    notPrincipals: strings("Identities of the peer that it must not have."),
    requestPrincipals: strings("Identities in the request's token, `ISSUER/SUBJECT`."),
    notRequestPrincipals: strings("Identities that the request's token must not have."),
    namespaces: strings("Namespaces of the peer; needs mutual TLS."),
    notNamespaces: strings("Namespaces that the peer must not be in."),
    serviceAccounts: accounts(
      "Service accounts of the peer, `NAMESPACE/NAME`, or `NAME` in the policy's namespace; needs mutual TLS.",
    ),
    notServiceAccounts: accounts("Service accounts that the peer must not have."),
    ipBlocks: strings("Addresses or CIDRs of the peer, as the packet carries it."),
    notIpBlocks: strings("Addresses or CIDRs that the peer must not have."),
    remoteIpBlocks: strings(
      "Addresses or CIDRs of the original client, from X-Forwarded-For or the PROXY protocol.",
    ),
    notRemoteIpBlocks: strings("Addresses or CIDRs that the original client must not have."),
    trustDomains: strings("Trust domains of the peer; needs mutual TLS."),
    notTrustDomains: strings("Trust domains that the peer must not be of."),
  },
  {
    rules: [
      {
        rule: "(has(self.serviceAccounts) || has(self.notServiceAccounts)) ? (!has(self.principals) && !has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces)) : true",
        message:
          "serviceAccounts already say identity and namespace: do not combine them with principals or namespaces",
      },
    ],
  },
);

const operation = object(
  "What is asked. All fields that are set must hold; within one, any value does. `*` stands for any text at the beginning, the end, or alone.",
  {
    hosts: strings("Hosts of HTTP requests."),
    notHosts: strings("Hosts that it must not be."),
    ports: strings("Ports of the container, as text."),
    notPorts: strings("Ports that it must not be."),
    methods: strings("Methods of HTTP requests; gRPC is always POST."),
    notMethods: strings("Methods that it must not be."),
    paths: strings(
      "Paths of HTTP requests, `{*}` one segment and `{**}` any number; gRPC is `/package.Service/Method`.",
    ),
    notPaths: strings("Paths that it must not be."),
  },
);

const condition = object("One condition on an attribute of the request.", {
  key: required(string("The attribute, such as `request.headers[x-team]` or `source.ip`.")),
  values: strings("Values, any of which does."),
  notValues: strings("Values that it must not have."),
});

const rule = object("One rule: a source, an operation and all conditions must hold.", {
  from: list("Who calls, any of these; absent: anyone.", object("One source.", { source }), {
    maxItems: 512,
  }),
  to: list("What is asked, any of these; absent: anything.", object("One operation.", { operation }), {
    maxItems: 512,
  }),
  when: list("Conditions, all of which hold.", condition),
});

const spec = object(
  "Which requests are taken; without rules, ALLOW takes none.",
  {
    selector: workloadSelector(
      "The workloads it is for; absent: all of the namespace, or of the mesh in the root namespace.",
    ),
    targetRef: targetReference("The gateway or service it is for."),
    targetRefs: list("The gateways or services it is for.", targetReference("One target."), { maxItems: 16 }),
    rules: list("Any of these; absent or empty: nothing matches.", rule, { maxItems: 512 }),
    action: enumeration(
      "What happens to a request that a rule matches: ALLOW (the default), DENY, AUDIT records it, CUSTOM asks the provider.",
      ["ALLOW", "DENY", "AUDIT", "CUSTOM"],
    ),
    provider: object("Who decides when the action is CUSTOM.", {
      name: string("Its name in the mesh's settings."),
    }),
  },
  { rules: [atMostOneOf("selector", "targetRef", "targetRefs")] },
);

export type AuthorizationPolicySpec = Infer<typeof spec>;
export type AuthorizationRule = Infer<typeof rule>;
export type Source = Infer<typeof source>;
export type Operation = Infer<typeof operation>;
export type Condition = Infer<typeof condition>;
export type PolicyTargetReference = NonNullable<AuthorizationPolicySpec["targetRef"]>;
export type AuthorizationPolicy = ObjectOfKind<typeof spec, typeof security.status>;

export const authorizationPolicy = {
  ...security,
  kind: "AuthorizationPolicy",
  plural: "authorizationpolicies",
  singular: "authorizationpolicy",
  shortNames: ["ap"],
  description: "Says which requests workloads take.",
  printerColumns: [
    {
      name: "Action",
      type: "string",
      jsonPath: ".spec.action",
      description: "What happens to a request that matches.",
    },
    ageColumn,
  ],
  spec,
} as const satisfies Kind;
