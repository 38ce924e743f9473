/**
 * One rule of an AuthorizationPolicy as a predicate: from AND to AND when, each a list that ORs.
 *
 * A rule is compiled for the action and the protocol it meets. On a port without HTTP its fields cannot be known, nor can keys of
 * a later release. An ALLOW rule with such a field grants nothing; a DENY rule loses the field and so denies more: both err
 * towards refusal (as Istio treats HTTP fields on TCP ports).
 */
import type { AuthorizationRule, Condition, Operation, Source } from "../../crds/workload-config.ts";
import { namespaceOf, serviceAccountOf, trustDomainOf } from "./identity.ts";
import type { AuthzRequest } from "./types.ts";
import { anyBlock, anyGlob, anyPath, anyValue, anyValueIgnoringCase, type ValueMatcher } from "./values.ts";

export type RulePredicate = (request: AuthzRequest) => boolean;

/** `unknown`: a field that cannot be evaluated here. */
type Test = RulePredicate | "unknown";

export interface RuleContext {
  readonly action: "ALLOW" | "DENY";
  readonly http: boolean;
  /** The policy's namespace: where a bare service account lives. */
  readonly namespace: string;
}

/** Compiles a rule; undefined for an ALLOW rule that can grant nothing. */
export function compileRule(rule: AuthorizationRule, context: RuleContext): RulePredicate | undefined {
  const clauses: RulePredicate[] = [];
  for (const tests of [
    rule.from.map((source) => sourceTests(source, context)),
    rule.to.map((operation) => operationTests(operation, context)),
  ]) {
    if (tests.length === 0) continue;
    const alternatives = tests.flatMap((each) => all(each, context) ?? []);
    if (alternatives.length === 0) return undefined;
    clauses.push((request) => alternatives.some((alternative) => alternative(request)));
  }
  const when = all(
    rule.when.flatMap((condition) => conditionTests(condition, context)),
    context,
  );
  if (when === undefined) return undefined;
  clauses.push(when);
  return (request) => clauses.every((clause) => clause(request));
}

/** The conjunction; unknown tests make an ALLOW impossible (undefined) and vanish from a DENY. */
function all(tests: readonly Test[], context: RuleContext): RulePredicate | undefined {
  const known = tests.filter((test) => test !== "unknown");
  if (known.length < tests.length && context.action === "ALLOW") return undefined;
  return (request) => {
    for (const test of known) if (!test(request)) return false;
    return true;
  };
}

type Read = (request: AuthzRequest) => string;

const principal: Read = (request) => request.principal;
const namespace: Read = (request) => namespaceOf(request.principal);
const account: Read = (request) => serviceAccountOf(request.principal);
const trustDomain: Read = (request) => trustDomainOf(request.principal);
const sourceIp: Read = (request) => request.sourceIp;
const remoteIp: Read = (request) => request.remoteIp;
const destinationPort: Read = (request) => String(request.destinationPort);
const host: Read = (request) => request.http?.host ?? "";
const method: Read = (request) => request.http?.method ?? "";
const path: Read = (request) => request.http?.path ?? "";
const requestPrincipal: Read = (request) => request.http?.token?.principal ?? "";
const presenter: Read = (request) => request.http?.token?.presenter ?? "";

type Compile = (values: readonly string[]) => ValueMatcher;

/** A field and its `not` twin: absent or empty lists restrict nothing. */
function pair(
  read: Read,
  compile: Compile,
  values: readonly string[] = [],
  notValues: readonly string[] = [],
): Test[] {
  const tests: Test[] = [];
  if (values.length > 0) {
    const matches = compile(values);
    tests.push((request) => matches(read(request)));
  }
  if (notValues.length > 0) {
    const matches = compile(notValues);
    tests.push((request) => !matches(read(request)));
  }
  return tests;
}

/** As `pair`, for what may have several values: one that matches does, and none may match the `not` twin. */
function pairOfMany(
  read: (request: AuthzRequest) => readonly string[],
  values: readonly string[],
  notValues: readonly string[],
): Test[] {
  const any = (list: readonly string[]): RulePredicate => {
    const matches = anyValue(list);
    return (request) => read(request).some(matches);
  };
  const tests: Test[] = [];
  if (values.length > 0) tests.push(any(values));
  if (notValues.length > 0) {
    const matches = any(notValues);
    tests.push((request) => !matches(request));
  }
  return tests;
}

function unknownPair(values: readonly string[] = [], notValues: readonly string[] = []): Test[] {
  return values.length + notValues.length > 0 ? ["unknown"] : [];
}

function sourceTests(source: Source, context: RuleContext): Test[] {
  const accounts: Compile = (values) => anyValue(values.map((value) => qualified(value, context.namespace)));
  return [
    ...pair(principal, anyValue, source.principals, source.notPrincipals),
    ...pair(namespace, anyValue, source.namespaces, source.notNamespaces),
    ...pair(account, accounts, source.serviceAccounts, source.notServiceAccounts),
    ...pair(trustDomain, anyGlob, source.trustDomains, source.notTrustDomains),
    ...pair(sourceIp, anyBlock, source.ipBlocks, source.notIpBlocks),
    ...pair(remoteIp, anyBlock, source.remoteIpBlocks, source.notRemoteIpBlocks),
    ...(context.http
      ? pair(requestPrincipal, anyValue, source.requestPrincipals, source.notRequestPrincipals)
      : unknownPair(source.requestPrincipals, source.notRequestPrincipals)),
  ];
}

function qualified(serviceAccount: string, namespace: string): string {
  return serviceAccount.includes("/") ? serviceAccount : `${namespace}/${serviceAccount}`;
}

function operationTests(operation: Operation, { http }: RuleContext): Test[] {
  const httpPair = http
    ? pair
    : (_read: Read, _compile: Compile, ...lists: (readonly string[] | undefined)[]) => unknownPair(...lists);
  return [
    ...pair(destinationPort, anyValue, operation.ports, operation.notPorts),
    ...httpPair(method, anyValue, operation.methods, operation.notMethods),
    ...httpPair(path, anyPath, operation.paths, operation.notPaths),
    ...httpPair(host, anyValueIgnoringCase, operation.hosts, operation.notHosts),
  ];
}

function conditionTests({ key, values, notValues }: Condition, context: RuleContext): Test[] {
  if (key.startsWith("request.")) {
    return context.http ? requestTests(key, values, notValues) : unknownPair(values, notValues);
  }
  switch (key) {
    case "source.ip":
      return pair(sourceIp, anyBlock, values, notValues);
    case "remote.ip":
      return pair(remoteIp, anyBlock, values, notValues);
    case "source.principal":
      return pair(principal, anyValue, values, notValues);
    case "source.namespace":
      return pair(namespace, anyValue, values, notValues);
    case "source.serviceAccount":
      return sourceTests({ serviceAccounts: values, notServiceAccounts: notValues }, context);
    case "source.trustDomain":
      return pair(trustDomain, anyGlob, values, notValues);
    case "destination.ip":
      return pair((request) => request.destinationIp, anyBlock, values, notValues);
    case "destination.port":
      return pair(destinationPort, anyValue, values, notValues);
    case "connection.sni":
      return pair((request) => request.sni ?? "", anyValue, values, notValues);
    default:
      return unknownPair(values, notValues);
  }
}

/** Conditions on attributes of an HTTP request. */
function requestTests(key: string, values: readonly string[], notValues: readonly string[]): Test[] {
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1]?.toLowerCase();
  if (header !== undefined) {
    return pair((request) => request.http?.header(header) ?? "", anyValue, values, notValues);
  }
  const claim = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
  if (claim !== undefined) {
    const names = claim.slice(1, -1).split("][");
    return pairOfMany((request) => request.http?.token?.values(names) ?? none, values, notValues);
  }
  switch (key) {
    case "request.auth.principal":
      return pair(requestPrincipal, anyValue, values, notValues);
    case "request.auth.presenter":
      return pair(presenter, anyValue, values, notValues);
    case "request.auth.audiences":
      return pairOfMany((request) => request.http?.token?.audiences ?? none, values, notValues);
    default:
      return unknownPair(values, notValues);
  }
}

const none: readonly string[] = [];
