import { describe, expect, it } from "vitest";
import { bySpecificity, hostCovers, isBareHost, resolveHost, serviceOfHost } from "./hosts.ts";

describe("a host in a rule", () => {
  const cases: { rule: string; host: string; full: string }[] = [
    {
      rule: "short names belong to the rule's namespace",
      host: "reviews",
      full: "reviews.prod.svc.cluster.local",
    },
    { rule: "a name with a dot stays as it is", host: "reviews.other", full: "reviews.other" },
    {
      rule: "a full name stays",
      host: "reviews.other.svc.cluster.local",
      full: "reviews.other.svc.cluster.local",
    },
    { rule: "hosts have no case", host: "Reviews", full: "reviews.prod.svc.cluster.local" },
    { rule: "a trailing dot is the same name", host: "api.example.com.", full: "api.example.com" },
    { rule: "a wildcard stays", host: "*.example.com", full: "*.example.com" },
    { rule: "the lone wildcard stays", host: "*", full: "*" },
    { rule: "an IPv4 address stays", host: "10.0.0.1", full: "10.0.0.1" },
    { rule: "an IPv6 address stays", host: "fd00::1", full: "fd00::1" },
  ];
  it.each(cases)("$rule: $host", ({ host, full }) => {
    expect(resolveHost(host, "prod", "cluster.local")).toBe(full);
  });
});

describe("a wildcard", () => {
  const cases: { pattern: string; host: string; covers: boolean }[] = [
    { pattern: "*.foo.com", host: "a.foo.com", covers: true },
    { pattern: "*.foo.com", host: "a.b.foo.com", covers: true },
    { pattern: "*.foo.com", host: "foo.com", covers: false },
    { pattern: "*.foo.com", host: "afoo.com", covers: false },
    { pattern: "*", host: "anything", covers: true },
    { pattern: "foo.com", host: "foo.com", covers: true },
    { pattern: "foo.com", host: "a.foo.com", covers: false },
  ];
  it.each(cases)("$pattern covers $host: $covers", ({ pattern, host, covers }) => {
    expect(hostCovers(pattern, host)).toBe(covers);
  });

  it("yields to an exact host, the longer goes first, then the alphabet", () => {
    const hosts = ["*", "*.b.com", "*.a.com", "*.x.a.com", "z.x.a.com", "a.x.a.com"];
    expect(hosts.sort(bySpecificity)).toEqual([
      "a.x.a.com",
      "z.x.a.com",
      "*.x.a.com",
      "*.a.com",
      "*.b.com",
      "*",
    ]);
  });
});

describe("the service of a host", () => {
  const cases: { host: string; key: string | undefined }[] = [
    { host: "reviews.prod.svc.cluster.local", key: "prod/reviews" },
    { host: "reviews.prod", key: undefined },
    { host: "a.reviews.prod.svc.cluster.local", key: undefined },
    { host: "*.prod.svc.cluster.local", key: undefined },
    { host: "svc.cluster.local", key: undefined },
    { host: "api.example.com", key: undefined },
  ];
  it.each(cases)("$host is $key", ({ host, key }) => {
    expect(serviceOfHost(host, "cluster.local")).toBe(key);
  });
});

describe("a host stands for itself", () => {
  const cases: { host: string; bare: boolean }[] = [
    { host: "api.example.com", bare: true },
    { host: "*.example.com", bare: true },
    { host: "10.0.0.1", bare: true },
    { host: "reviews.prod.svc.cluster.local", bare: false },
    { host: "*.prod.svc.cluster.local", bare: false },
    { host: "*.local", bare: false },
    { host: "*.svc.cluster.local", bare: false },
    { host: "*", bare: false },
  ];
  it.each(cases)("$host: $bare", ({ host, bare }) => {
    expect(isBareHost(host, "cluster.local")).toBe(bare);
  });
});
