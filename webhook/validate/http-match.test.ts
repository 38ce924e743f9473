import { checkRules, type RuleCase } from "./fixtures.ts";
import { at, spec } from "./http-route.fixture.ts";

const gateway = { gateways: ["gw"] };

const claims = { headers: { "@request.auth.claims.group": { exact: "a" } } };
const long = "a".repeat(1_025);

const cases: RuleCase[] = [
  {
    rule: "a string match is of one sort",
    bad: spec({ match: [{ uri: { exact: "/a", prefix: "/", regex: ".*" } }] }),
    says: at(
      ".match[0].uri.prefix: Forbidden: may not be used together with exact",
      ".match[0].uri.regex: Forbidden: may not be used together with exact",
    ),
    good: spec({ match: [{ uri: { prefix: "" }, scheme: { exact: "" }, headers: { "x-a": {} } }] }),
  },
  {
    rule: "a prefix is not empty, save a path's",
    bad: spec({
      match: [
        { method: { prefix: "" }, authority: { prefix: "" }, scheme: { prefix: "" } },
        {
          headers: { a: { prefix: "" } },
          withoutHeaders: { a: { prefix: "" } },
          queryParams: { a: { prefix: "" } },
        },
      ],
    }),
    says: at(
      ...["scheme", "method", "authority"].map(
        (n) => `.match[0].${n}.prefix: Invalid value: "": must not be empty`,
      ),
      ...["headers", "withoutHeaders", "queryParams"].map(
        (n) => `.match[1].${n}[a].prefix: Invalid value: "": must not be empty`,
      ),
    ),
    good: spec({ match: [{ uri: { prefix: "" } }] }),
  },
  {
    rule: "a regular expression is RE2",
    bad: spec({
      match: [
        { uri: { regex: "" } },
        { uri: { regex: "(a" } },
        { uri: { regex: "(?=a)b" } },
        { headers: { a: { regex: "(a)\\1" }, b: { regex: "*" } } },
        { queryParams: { a: { regex: long } } },
      ],
    }),
    says: at(
      '.match[0].uri.regex: Invalid value: "": must not be empty',
      '.match[1].uri.regex: Invalid value: "(a": must be an RE2 regular expression: error parsing regexp: missing closing ): `(a`',
      '.match[2].uri.regex: Invalid value: "(?=a)b": must be an RE2 regular expression: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
      '.match[3].headers[a].regex: Invalid value: "(a)\\\\1": must be an RE2 regular expression: error parsing regexp: invalid escape sequence: `\\1`',
      '.match[3].headers[b].regex: Invalid value: "*": must be an RE2 regular expression: error parsing regexp: missing argument to repetition operator: `*`',
      `.match[4].queryParams[a].regex: Invalid value: "${"a".repeat(56)}...: must have at most 1024 bytes; it has 1025`,
    ),
    good: spec({ match: [{ uri: { regex: "/[a-z]+(?i)x" }, withoutHeaders: { a: { regex: "*" } } }] }),
  },
  {
    rule: "header names",
    bad: spec({
      match: [
        {
          headers: { "a b": { exact: "x" }, ":status": { exact: "200" }, "": {} },
          withoutHeaders: { "@request.auth.claims": {} },
        },
      ],
    }),
    says: at(
      `.match[0].headers[a b]: Invalid value: "a b": the header's name must be letters, digits, '-' or '_'`,
      '.match[0].headers[:status]: Invalid value: ":status": must be one of :method, :scheme, :authority, :path',
      `.match[0].headers[]: Invalid value: "": the header's name must be letters, digits, '-' or '_'`,
      '.match[0].withoutHeaders[@request.auth.claims]: Invalid value: "@request.auth.claims": the claim must be named @request.auth.claims.NAME or [NAME]',
    ),
    good: spec({ match: [{ headers: { "x-Canary_1": { exact: "x" }, ":method": { exact: "GET" } } }] }),
  },
  {
    rule: "a header's match is not null",
    bad: spec({ match: [{ headers: { a: null }, queryParams: { b: null } }] }),
    says: at(
      ".match[0].headers[a]: Required value: a match; {} stands for a header that is there",
      ".match[0].queryParams[b]: Required value: a match; {} stands for a parameter that is there",
    ),
    good: spec({ match: [{ headers: { a: {} }, queryParams: { b: {} } }] }),
  },
  {
    rule: "JWT claims are a gateway's",
    bad: spec({ match: [claims] }, { gateways: ["gw", "mesh"] }),
    says: at(
      ".match[0].headers[@request.auth.claims.group]: Forbidden: JWT claims can be matched only in a VirtualService bound to gateways alone",
    ),
    good: spec({ match: [claims, { withoutHeaders: { "@request.auth.claims[a][b]": {} } }] }, gateway),
  },
  {
    rule: "the rest of a match",
    bad: spec({
      match: [
        {
          port: 70000,
          ignoreUriCase: "yes",
          sourceNamespace: "a.b",
          gateways: ["x y"],
          name: 7,
          sourceLabels: { "": "x" },
        },
      ],
    }),
    says: at(
      ".match[0].name: Invalid value: 7: must be a string",
      '.match[0].ignoreUriCase: Invalid value: "yes": must be true or false',
      ".match[0].port: Invalid value: 70000: must be a whole number from 1 to 65535",
      `.match[0].sourceLabels[]: Invalid value: "": the key must be a label's, such as app or example.com/app`,
      `.match[0].sourceNamespace: Invalid value: "a.b": must be a DNS label: letters, digits and '-', at most 63, alphanumeric at both ends`,
      '.match[0].gateways[0]: Invalid value: "x y": must be "namespace/name" or a name',
    ),
    good: spec({
      match: [{ port: 0, ignoreUriCase: true, sourceNamespace: "a", gateways: ["mesh"], name: "n" }],
    }),
  },
];

checkRules("VirtualService", cases);
