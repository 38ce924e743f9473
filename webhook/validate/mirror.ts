import { checkDestination } from "./destination.ts";
import { exclusive, type Field } from "./field.ts";
import { checkPercent } from "./values.ts";

/** `mirror` with its percentage, or `mirrors`, of one HTTP route. */
export function checkMirrors(route: Field): void {
  exclusive(route, ["mirror", "mirrors"]);
  if (route.at("mirror").present) checkDestination(route.at("mirror"));
  checkPercent(route.at("mirrorPercentage"));
  for (const name of ["mirrorPercent", "mirror_percent"]) {
    if (!route.at(name).present) continue;
    route.at(name).integer(0, 100);
    route.at(name).warn("is deprecated; use mirrorPercentage.value");
  }
  for (const mirror of route.at("mirrors").items()) {
    if (!mirror.object(["destination", "percentage"])) continue;
    checkDestination(mirror.at("destination"));
    checkPercent(mirror.at("percentage"));
  }
}
