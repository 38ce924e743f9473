/**
 * A port number that can be one, or undefined. Istio's schemas admit any unsigned number, and validation may not have
 * seen an object that is older than it; what is compiled must still be admitted.
 */
export function validPort(port: number | undefined): number | undefined {
  return port !== undefined && Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
}

/** Whether a match asks for a port that no connection has; 0 asks for none. */
export function isImpossiblePort(port: number | undefined): boolean {
  return Boolean(port) && validPort(port) === undefined;
}
