import { describe, expect, test } from "vitest";
import { overlay } from "./overlay.ts";

const template = {
  name: "istio-proxy",
  image: "ours",
  restartPolicy: "Always",
  env: [
    { name: "A", value: "1" },
    { name: "B", value: "2" },
  ],
  resources: { requests: { cpu: "10m", memory: "64Mi" } },
  lifecycle: { postStart: { exec: { command: ["wait"] } } },
};

describe("a user's container laid over ours", () => {
  test.each([
    ["nothing of its own", { image: "auto" }, {}],
    [
      "keyed lists merge by key",
      {
        env: [
          { name: "B", value: "x" },
          { name: "C", value: "3" },
        ],
      },
      {
        env: [
          { name: "A", value: "1" },
          { name: "B", value: "x" },
          { name: "C", value: "3" },
        ],
      },
    ],
    [
      "maps merge",
      { resources: { requests: { cpu: "1" }, limits: { cpu: "2" } } },
      {
        resources: { requests: { cpu: "1", memory: "64Mi" }, limits: { cpu: "2" } },
      },
    ],
    [
      "other lists are replaced",
      { lifecycle: { postStart: { exec: { command: ["true"] } } } },
      {
        lifecycle: { postStart: { exec: { command: ["true"] } } },
      },
    ],
    ["new members are added", { tty: true }, { tty: true }],
    ["nulls say nothing", { env: null }, {}],
    ["name and restart policy stay ours", { name: "mine", restartPolicy: "Never" }, {}],
    ["a whole image is taken", { image: "mine:1" }, { image: "mine:1" }],
  ])("%s", (_what, own, changes) => expect(overlay(template, own)).toEqual({ ...template, ...changes }));
});
