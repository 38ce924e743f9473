import { authorizationPolicyRefusals } from "./authorization-policy.ts";
import { destinationRuleRefusals } from "./destination-rule.ts";
import { envoyFilterRefusals } from "./envoy-filter.ts";
import { peerAuthenticationRefusals } from "./peer-authentication.ts";
import { rateLimitRefusals } from "./rate-limit.ts";
import type { Refusal } from "./refusal.ts";
import { requestAuthenticationRefusals } from "./request-authentication.ts";
import { serviceEntryRefusals } from "./service-entry.ts";
import { virtualServiceRefusals } from "./virtual-service.ts";

/** Specs of every kind that the API server refuses by itself. */
export const refusals: readonly Refusal[] = [
  ...virtualServiceRefusals,
  ...destinationRuleRefusals,
  ...peerAuthenticationRefusals,
  ...requestAuthenticationRefusals,
  ...envoyFilterRefusals,
  ...serviceEntryRefusals,
  ...rateLimitRefusals,
  ...authorizationPolicyRefusals,
];
