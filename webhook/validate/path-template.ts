/**
 * What is wrong with a path of an AuthorizationPolicy, if anything. `*` may begin or end it; the templates `{*}` (one
 * segment) and `{**}` (the rest) fill a whole segment each, `{**}` only the last, and do not mix with `*`.
 */
export function pathTemplateProblem(path: string): string | undefined {
  if (!path.includes("{*}") && !path.includes("{**}")) {
    // Braces alone are ordinary characters, save where a template was plainly meant.
    return /\{\*{3,}\}|\{\*{1,2}$|^\*{1,2}\}/.test(path) ? "must use {*} or {**} as templates" : undefined;
  }
  const segments = path.split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "{*}") continue;
    if (segment === "{**}") {
      if (index !== segments.length - 1) return "{**} must be the last segment";
      continue;
    }
    if (segment.includes("{*}") || segment.includes("{**}")) return "{*} and {**} must fill a whole segment";
    if (/[{}]/.test(segment)) return "must not mix other braces with {*} or {**}";
    if (segment.includes("*")) return "must not mix * with {*} or {**}";
  }
  return undefined;
}
