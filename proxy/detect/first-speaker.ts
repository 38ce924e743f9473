/**
 * Who speaks first at a destination whose port does not say: learned from its connections, so that the next one need not be
 * waited on. Only ever a reason to dial early or late: what a connection carries is decided by its own bytes. Pure.
 */

export type Speaker = "server" | "client";

/** Destinations remembered; the one learned about longest ago is forgotten for another. */
const MAX_DESTINATIONS = 1024;

export class FirstSpeakers {
  readonly #known = new Map<string, Speaker>();

  get size(): number {
    return this.#known.size;
  }

  of(destination: string): Speaker | undefined {
    return this.#known.get(destination);
  }

  learn(destination: string, speaker: Speaker): void {
    if (this.#known.get(destination) === speaker) return;
    this.#known.delete(destination);
    if (this.#known.size >= MAX_DESTINATIONS) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    this.#known.set(destination, speaker);
  }
}

/** What a server's first bytes tell, when its client has said nothing. */
export type Greeting =
  /** A protocol whose server speaks first. */
  | "greeting"
  /** An HTTP/1 server that is tired of waiting (408): the client is to hear it, and nothing is learned. */
  | "timeout"
  /** An HTTP/2 server's SETTINGS, which it may send before its client's (RFC 9113 section 3.4): the client speaks first. */
  | "settings";

const HTTP = "HTTP/";
/** Type and flags of a SETTINGS frame on stream 0, behind its length. */
const SETTINGS = [4, 0, 0, 0, 0, 0];

export function greetingOf(bytes: Uint8Array): Greeting {
  if (startsWithHttp(bytes)) return "timeout";
  return isSettings(bytes) ? "settings" : "greeting";
}

function startsWithHttp(bytes: Uint8Array): boolean {
  for (let at = 0; at < HTTP.length; at++) if (bytes[at] !== HTTP.charCodeAt(at)) return false;
  return true;
}

/** Six octets a setting, and hardly ever more than the seven that have names. */
function isSettings(bytes: Uint8Array): boolean {
  const [high, middle, low = 1] = bytes;
  if (high !== 0 || middle !== 0 || low % 6 !== 0) return false;
  return SETTINGS.every((byte, at) => bytes[3 + at] === byte);
}
