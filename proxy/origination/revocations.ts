import type { Revocation } from "./revocation.ts";

interface Entry {
  readonly anchors: string;
  readonly lists: string;
  readonly revocation: Promise<Revocation>;
}

/** What revocation lists say, read once for as long as neither they nor the authorities change. */
export class Revocations {
  readonly #entries = new Map<string, Entry>();

  /**
   * The lists that stand at `place`, by the authorities, both PEM: see `readRevocation`. Rejects when one cannot be read.
   */
  of(place: string, anchors: string, lists: string): Promise<Revocation> {
    const known = this.#entries.get(place);
    if (known?.anchors === anchors && known.lists === lists) return known.revocation;
    const revocation = import("./revocation.ts").then(({ readRevocation }) => readRevocation(anchors, lists));
    // Whoever asks hears of a failure; nobody may be there by then.
    revocation.catch(() => {});
    this.#entries.set(place, { anchors, lists, revocation });
    return revocation;
  }
}
