import { type Field, maxInt32 } from "./field.ts";
import { checkHeaderOperations } from "./header-operations.ts";
import { checkDnsLabel, checkPortSelector, isWildcardDomain } from "./names.ts";

/** A `destination`: the host that traffic goes to, and which part of it. */
export function checkDestination(field: Field): void {
  if (!field.present) {
    field.required("a destination with a host");
    return;
  }
  if (!field.object(["host", "subset", "port"])) return;
  const host = field.at("host");
  const text = host.text();
  if (!host.present || text === "") host.required("the name of the service to send traffic to");
  else if (text === "*") host.invalid('must be one host: "*" names none');
  else if (text !== undefined && !isWildcardDomain(text)) host.invalid("must be a domain name");
  if (field.at("subset").value !== "") checkDnsLabel(field.at("subset"));
  checkPortSelector(field.at("port"));
}

/**
 * The weighted destinations of one route. Weights are shares of their sum, so that any sum above 0 works; one other
 * than 100 is more often a slip than a wish, and is warned of.
 */
export function checkWeightedDestinations(field: Field, members: readonly string[]): void {
  const routes = field.items();
  let total = 0;
  let sound = true;
  for (const route of routes) {
    if (!route.object(["destination", "weight", ...members])) {
      sound = false;
      continue;
    }
    checkDestination(route.at("destination"));
    if (members.includes("headers")) checkHeaderOperations(route.at("headers"));
    const weight = route.at("weight");
    const share = weight.integer(0, maxInt32);
    if (weight.present && share === undefined) sound = false;
    total += share ?? 0;
  }
  if (!sound || routes.length === 0) return;
  if (routes.length === 1) {
    const weight = routes[0]?.at("weight");
    if (weight?.present === true && total !== 100) {
      weight.warn(`a single destination gets all traffic, whatever its weight (${total})`);
    }
  } else if (total === 0) {
    field.invalid(
      "total destination weight = 0: at least one of several destinations needs a weight above 0",
      0,
    );
  } else if (total !== 100) {
    field.warn(`the weights add up to ${total}, not 100; each is taken as its share of ${total}`);
  }
}
