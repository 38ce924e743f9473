/** What can go wrong with configuration, each with what to do about it. */
export const configErrors = {
  WEFT_CONFIG_NOT_LOADED: {
    message: "the service's configuration did not arrive in time",
    hint: "is control running, and does the API server answer? `kubectl get serviceconfigs -A -l mesh.weft.dev/key=KEY` shows what it wrote",
  },
  WEFT_CONFIG_MALFORMED: {
    message: "a compiled object cannot be read; the last good one stays in force",
    hint: "control and proxy may be of different versions: compare their images, then delete the object to have it written anew",
  },
  WEFT_CONFIG_TOO_LARGE: {
    message: "an answer of the API server is larger than a proxy takes",
    hint: "a compiled object must stay below the limit named; split the service or its routes",
  },
  WEFT_CONFIG_API: {
    message: "the API server refused a request",
    hint: "the proxy's account needs get, list and watch on serviceconfigs, and on workloadconfigs in its namespace: `kubectl auth can-i watch serviceconfigs.mesh.weft.dev --as=system:serviceaccount:NAMESPACE:ACCOUNT` asks for one",
  },
} as const;

export type ConfigErrorCode = keyof typeof configErrors;

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code: ConfigErrorCode;
  readonly hint: string;
  /** Which object and field, without the code's message. */
  readonly detail: string;

  constructor(code: ConfigErrorCode, detail: string) {
    super(`${code}: ${configErrors[code].message}: ${detail}`);
    this.detail = detail;
    this.code = code;
    this.hint = configErrors[code].hint;
  }
}
