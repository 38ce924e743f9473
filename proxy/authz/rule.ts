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
import {
  anyBlock,
  anyGlob,
  anyPath,
  anyPort,
  anyValue,
  anyValueIgnoringCase,
  type Matcher,
  remembered,
} from "./values.ts";

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
    clauses.push(someOf(alternatives));
  }
  const when = all(
    rule.when.flatMap((condition) => conditionTests(condition, context)),
    context,
  );
  if (when === undefined) return undefined;
  if (rule.when.length > 0) clauses.push(when);
  return everyOf(clauses);
}

/** The conjunction; unknown tests make an ALLOW impossible (undefined) and vanish from a DENY. */
function all(tests: readonly Test[], context: RuleContext): RulePredicate | undefined {
  const known = tests.filter((test) => test !== "unknown");
  if (known.length < tests.length && context.action === "ALLOW") return undefined;
  return everyOf(known);
}

/** Plain loops: a callback for each list would be an object for each request. */
function everyOf(tests: readonly RulePredicate[]): RulePredicate {
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (request) => {
    for (const test of tests) if (!test(request)) return false;
    return true;
  };
}

function someOf(tests: readonly RulePredicate[]): RulePredicate {
  const [only] = tests;
  if (only !== undefined && tests.length === 1) return only;
  return (request) => {
    for (const test of tests) if (test(request)) return true;
    return false;
  };
}

type ReadAs<T> = (request: AuthzRequest) => T;
type Read = ReadAs<string>;

const principal: Read = (request) => request.principal;
const sourceIp: Read = (request) => request.sourceIp;
const remoteIp: Read = (request) => request.remoteIp;
const destinationIp: Read = (request) => request.destinationIp;
const destinationPort: ReadAs<number> = (request) => request.destinationPort;
const host: Read = (request) => request.http?.host ?? "";
const method: Read = (request) => request.http?.method ?? "";
const path: Read = (request) => request.http?.path ?? "";
const requestPrincipal: Read = (request) => request.http?.token?.principal ?? "";
const presenter: Read = (request) => request.http?.token?.presenter ?? "";

type CompileAs<T> = (values: readonly string[]) => Matcher<T>;
type Compile = CompileAs<string>;

/** Blocks for an address of the connection. */
const peerBlock: Compile = (values) => remembered(anyBlock(values));
/** Values for a part of the principal. */
const namespaces = partOf(namespaceOf, anyValue);
const trustDomains = partOf(trustDomainOf, anyGlob);

function partOf(part: (principal: string) => string, compile: Compile): Compile {
  return (values) => {
    const matches = compile(values);
    return remembered((whole) => matches(part(whole)));
  };
}

/** A field and its `not` twin: absent or empty lists restrict nothing. */
function pair<T>(
  read: ReadAs<T>,
  compile: CompileAs<T>,
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
  const accounts = partOf(serviceAccountOf, (values) =>
    anyValue(values.map((value) => qualified(value, context.namespace))),
  );
  return [
    ...pair(principal, anyValue, source.principals, source.notPrincipals),
    ...pair(principal, namespaces, source.namespaces, source.notNamespaces),
    ...pair(principal, accounts, source.serviceAccounts, source.notServiceAccounts),
    ...pair(principal, trustDomains, source.trustDomains, source.notTrustDomains),
    ...pair(sourceIp, peerBlock, source.ipBlocks, source.notIpBlocks),
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
    ...pair(destinationPort, anyPort, operation.ports, operation.notPorts),
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
      return pair(sourceIp, peerBlock, values, notValues);
    case "remote.ip":
      return pair(remoteIp, anyBlock, values, notValues);
    case "source.principal":
      return pair(principal, anyValue, values, notValues);
    case "source.namespace":
      return pair(principal, namespaces, values, notValues);
    case "source.serviceAccount":
      return sourceTests({ serviceAccounts: values, notServiceAccounts: notValues }, context);
    case "source.trustDomain":
      return pair(principal, trustDomains, values, notValues);
    case "destination.ip":
      return pair(destinationIp, peerBlock, values, notValues);
    case "destination.port":
      return pair(destinationPort, anyPort, values, notValues);
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
