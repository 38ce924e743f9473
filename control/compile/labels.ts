export type Labels = Readonly<Record<string, string>>;

/** Whether labels carry everything that a selector asks for; an empty selector asks for nothing. */
export function selects(selector: Labels, labels: Labels | undefined): boolean {
  for (const key of Object.keys(selector)) if (labels?.[key] !== selector[key]) return false;
  return true;
}

export function isEmpty(labels: Labels | undefined): boolean {
  return labels === undefined || Object.keys(labels).length === 0;
}
