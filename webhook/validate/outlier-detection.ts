import { type Field, maxInt32, maxUint32 } from "./field.ts";
import { checkDuration } from "./values.ts";

const members = [
  "consecutiveErrors",
  "splitExternalLocalOriginErrors",
  "consecutiveLocalOriginFailures",
  "consecutiveGatewayErrors",
  "consecutive5xxErrors",
  "interval",
  "baseEjectionTime",
  "maxEjectionPercent",
  "minHealthPercent",
  "outlierDetectionHttpErrorCodes",
];

/** `outlierDetection`. */
export function checkOutlierDetection(field: Field): void {
  if (!field.present || !field.object(members)) return;
  checkDuration(field.at("interval"));
  checkDuration(field.at("baseEjectionTime"));
  field.at("maxEjectionPercent").integer(0, 100);
  field.at("minHealthPercent").integer(0, 100);
  field.at("consecutive5xxErrors").integer(0, maxUint32);
  field.at("consecutiveGatewayErrors").integer(0, maxUint32);
  if (field.at("consecutiveErrors").present) {
    field.at("consecutiveErrors").integer(0, maxInt32);
    field.at("consecutiveErrors").warn("is deprecated and has no effect; use consecutive5xxErrors");
  }
  const split = field.at("splitExternalLocalOriginErrors").boolean();
  const local = field.at("consecutiveLocalOriginFailures");
  if ((local.integer(0, maxUint32) ?? 0) > 0 && split !== true) {
    local.forbidden("needs splitExternalLocalOriginErrors: true");
  }
  for (const code of field.at("outlierDetectionHttpErrorCodes").items()) code.integer(100, 599);
}
