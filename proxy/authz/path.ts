/**
 * Istio's default path normalisation (BASE): what policies see, and what is forwarded, is one and the same path, so that
 * `/public/..%2fadmin` and `/a/./b` cannot be read one way here and another way by the application.
 */

/**
 * The path with dot segments removed (RFC 3986 section 5.2.4), `\` turned into `/`, percent-encoded unreserved characters decoded
 * and the other encodings in upper case. The query stays as it is. Undefined for a path to refuse with 400: an encoded NUL, a
 * malformed encoding beside one to decode, or no leading slash (`*` of OPTIONS is left alone).
 */
export function normalizePath(pathWithQuery: string): string | undefined {
  if (!suspicious.test(pathWithQuery) || pathWithQuery === "*") return pathWithQuery;
  const mark = pathWithQuery.indexOf("?");
  const path = mark < 0 ? pathWithQuery : pathWithQuery.slice(0, mark);
  const query = mark < 0 ? "" : pathWithQuery.slice(mark);
  if (path.includes("%00")) return undefined;
  const encoded = path.replaceAll("\\", "/");
  const decoded = encoded.replace(/%[0-9A-Fa-f]{2}/g, decodeUnreserved);
  // `%%41a`: decoding beside a stray percent sign could spell a new encoding, which the application would decode again.
  if (decoded.length !== encoded.length && /%(?![0-9A-Fa-f]{2})/.test(encoded)) return undefined;
  return decoded.startsWith("/") ? removeDotSegments(decoded) + query : undefined;
}

/** Without any of these a path is normal already. */
const suspicious = /[%\\]|\/\.|^(?!\/)/;

function decodeUnreserved(encoded: string): string {
  const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[A-Za-z0-9\-._~]/.test(char) ? char : encoded.toUpperCase();
}

function removeDotSegments(path: string): string {
  const out: string[] = [];
  const segments = path.slice(1).split("/");
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1;
    if (segment === "..") out.pop();
    else if (segment !== ".") {
      out.push(segment);
      continue;
    }
    if (last) out.push("");
  }
  return `/${out.join("/")}`;
}
