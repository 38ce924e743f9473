import { enumeration, integer, list, object, required, string } from "./schema.ts";

/** Conditions as metav1.Condition has them, one of each type. */
export const conditions = list(
  "What is known about the object's state, one entry of each type.",
  object("One statement about the object.", {
    type: required(string("What it is about.", { maxLength: 316 })),
    status: required(enumeration("Whether it holds.", ["True", "False", "Unknown"])),
    reason: required(
      string("Why, in one word for programs.", {
        maxLength: 1024,
        pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      }),
    ),
    message: required(string("Why, in a sentence for people.", { maxLength: 32768 })),
    lastTransitionTime: required(string("When its status last changed.", { format: "date-time" })),
    observedGeneration: integer("The generation of the object that it speaks of.", { minimum: 0 }),
  }),
  { listType: { keys: ["type"] } },
);
