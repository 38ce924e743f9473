/** What the kinds of Istio's API share: status, selectors, target references, text matches. */
import { atMostOneOf } from "../cel.ts";
import {
  enumeration,
  integerOrString,
  labels,
  list,
  object,
  type Properties,
  preserved,
  required,
  string,
} from "../schema.ts";

const statusFields = {
  conditions: list(
    "Statements about the object's state.",
    object("One statement.", {
      type: string("What it is about."),
      status: string("True, False or Unknown."),
      reason: string("Why, in one word."),
      message: string("Why, in a sentence."),
      lastProbeTime: string("When it was last looked at.", { format: "date-time" }),
      lastTransitionTime: string("When its status last changed.", { format: "date-time" }),
      observedGeneration: integerOrString("The generation of the object that it speaks of."),
    }),
  ),
  observedGeneration: integerOrString("The generation that the controller last worked on."),
  validationMessages: list(
    "What analysis found.",
    object("One finding.", {
      documentationUrl: string("Where it is explained."),
      level: enumeration("How grave it is.", ["UNKNOWN", "ERROR", "WARNING", "INFO"]),
      type: object("Which finding it is.", {
        code: string("Its code, such as IST0101."),
        name: string("Its name."),
      }),
    }),
  ),
};

/** Free-form with known members, so that other writers' fields survive; `more` are a kind's own. */
export const statusWith = <P extends Properties>(more: P) =>
  preserved("What controllers report about the object.", { ...statusFields, ...more });

export const status = statusWith({});

export const stringMatch = (description: string) =>
  object(
    description,
    {
      exact: string("The whole text."),
      prefix: string("What the text begins with."),
      regex: string("An RE2 expression that matches the whole text."),
    },
    { rules: [atMostOneOf("exact", "prefix", "regex")] },
  );

/** Pods by their labels; wildcards would be mistaken for patterns, which labels have none of. */
export const workloadSelector = (description: string) =>
  object(description, {
    matchLabels: labels("Labels that the pods have, all of them.", {
      maxProperties: 4096,
      value: {
        maxLength: 63,
        rules: [
          {
            rule: "!self.contains('*')",
            message: "a label's value is compared as it is: wildcards are not supported",
          },
        ],
      },
      rules: [
        { rule: "self.all(key, key.size() != 0)", message: "a label's name must not be empty" },
        {
          rule: "self.all(key, !key.contains('*'))",
          message: "a label's name is compared as it is: wildcards are not supported",
        },
      ],
    }),
  });

export const targetReference = (description: string) =>
  object(description, {
    group: string("API group of the target; empty for the core group.", {
      maxLength: 253,
      pattern: "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    }),
    kind: required(
      string("Kind of the target.", {
        minLength: 1,
        maxLength: 63,
        pattern: "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$",
      }),
    ),
    name: required(string("Name of the target.", { minLength: 1, maxLength: 253 })),
    namespace: string("Must be empty: the target is in the policy's own namespace.", {
      maxLength: 253,
      rules: [
        { rule: "self.size() == 0", message: "leave it out: a target in another namespace is not supported" },
      ],
    }),
  });

export const networking = {
  group: "networking.istio.io",
  scope: "Namespaced",
  versions: ["v1", "v1beta1", "v1alpha3"],
  categories: ["istio-io", "networking-istio-io"],
  status,
} as const;

export const security = {
  group: "security.istio.io",
  scope: "Namespaced",
  versions: ["v1", "v1beta1"],
  categories: ["istio-io", "security-istio-io"],
  status,
} as const;
