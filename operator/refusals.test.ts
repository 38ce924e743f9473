import { describe, expect, it } from "vitest";
import { ValidationError } from "../kube/index.ts";
import { NameTakenError } from "./apply.ts";
import { makeInstallation } from "./installation.fixture.ts";
import { DefinitionsPendingError, describeFailure, refuseImpossible } from "./refusals.ts";

const operator = { version: "0.1.0", operatorNamespace: "weft-system" };
const older = makeInstallation(
  {},
  { name: "older", uid: "older", creationTimestamp: "2025-01-01T00:00:00Z" },
);
const failureOf = (...args: Parameters<typeof refuseImpossible>) => {
  try {
    refuseImpossible(...args);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("a wish", () => {
  it.each([
    [
      "of another's revision",
      {},
      [older],
      "Conflict",
      'spec.revision: "default" is MeshInstallation older\'s',
    ],
    [
      "for the operator's namespace",
      { namespace: "weft-system" },
      [],
      "Conflict",
      'spec.namespace: "weft-system"',
    ],
    [
      "for another version",
      { version: "9.9.9" },
      [],
      "UnsupportedVersion",
      'found "9.9.9"; this operator installs 0.1.0',
    ],
  ] as const)(
    "%s is refused for good, with field, finding and next step",
    (_name, spec, others, reason, text) => {
      const installation = makeInstallation(spec, { creationTimestamp: "2026-01-01T00:00:00Z" });
      const error = failureOf(installation, others, operator);
      expect(error).toBeInstanceOf(ValidationError);
      expect(describeFailure(error)).toMatchObject({
        status: "False",
        reason,
        message: expect.stringContaining(text),
      });
    },
  );

  it.each([[{}], [{ version: "0.1.0" }], [{ version: "v0.1.0" }], [{ revision: "canary" }]])(
    "%j is taken",
    (spec) => {
      expect(failureOf(makeInstallation(spec), [], operator)).toBeUndefined();
    },
  );
});

describe("the condition Reconciled", () => {
  it.each([
    [new NameTakenError("Service a exists"), "NameTaken"],
    [new DefinitionsPendingError(["a", "b"]), "DefinitionsNotEstablished"],
    [new Error("connection refused"), "ReconcileFailed"],
  ])("gives %s its reason", (error, reason) => {
    expect(describeFailure(error)).toEqual({ status: "False", reason, message: error.message });
  });
});
