/** Base64url without padding (RFC 7515 section 2), strictly: what Buffer would skip is refused. */

const ALPHABET = /^[A-Za-z0-9_-]*$/;

export function decodeBase64url(text: string): Buffer<ArrayBuffer> | undefined {
  return text.length % 4 === 1 || !ALPHABET.test(text) ? undefined : Buffer.from(text, "base64url");
}
