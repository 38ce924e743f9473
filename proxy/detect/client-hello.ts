/** The server name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3). Pure, with limits. */

/** A ClientHello larger than this is not waited for. */
const MAX_HELLO = 16 * 1024;

/** The SNI; "" when the hello has none or is no hello we can read; undefined while more bytes are needed. */
export function serverName(bytes: Uint8Array): string | undefined {
  const hello = handshakeBytes(bytes);
  if (hello === "more") return undefined;
  if (hello === "no") return "";
  const view = new Reader(hello);
  view.skip(2 + 32); // legacy_version, random
  view.skip(view.u8()); // legacy_session_id
  view.skip(view.u16()); // cipher_suites
  view.skip(view.u8()); // legacy_compression_methods
  let left = view.u16();
  while (left >= 4 && !view.over) {
    const type = view.u16();
    const length = view.u16();
    left -= 4 + length;
    if (type !== 0) {
      view.skip(length);
      continue;
    }
    view.skip(2); // server_name_list
    if (view.u8() !== 0) return "";
    const name = view.take(view.u16());
    return view.over || name.some((byte) => byte <= 0x20 || byte >= 0x7f)
      ? ""
      : String.fromCharCode(...name).toLowerCase();
  }
  return "";
}

/** The ClientHello's body, put together from the records it is spread over. */
function handshakeBytes(bytes: Uint8Array): Uint8Array | "more" | "no" {
  const parts: Uint8Array[] = [];
  let have = 0;
  let need = 4;
  let at = 0;
  while (have < need) {
    if (at + 5 > bytes.length) return at > MAX_HELLO ? "no" : "more";
    if (bytes[at] !== 0x16 || bytes[at + 1] !== 0x03) return "no";
    const length = ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
    if (length === 0 || length > MAX_HELLO) return "no";
    const part = bytes.subarray(at + 5, at + 5 + length);
    parts.push(part);
    have += part.length;
    if (part.length < length && have < need) return "more";
    at += 5 + length;
    if (need === 4 && have >= 4) {
      const head = parts.length === 1 ? part : join(parts);
      if (head[0] !== 1) return "no";
      need = 4 + (((head[1] as number) << 16) | ((head[2] as number) << 8) | (head[3] as number));
      if (need > MAX_HELLO) return "no";
      if (part.length < length && have < need) return "more";
    }
  }
  return join(parts).subarray(4, need);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** Reads past the end as zeros and says so, so that the caller checks once. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get over(): boolean {
    return this.#at > this.#bytes.length;
  }
  skip(count: number): void {
    this.#at += count;
  }
  u8(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
  u16(): number {
    return (this.u8() << 8) | this.u8();
  }
  take(count: number): Uint8Array {
    const result = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return result;
  }
}
