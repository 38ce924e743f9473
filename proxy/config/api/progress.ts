/**
 * What a growing watch has told already, by resourceVersion: the one number that holds for every key, and an own one for each key
 * that was listed apart and that the stream has not caught up with. Versions grow with every write (KEP-5504), and a stream
 * tells events in their order, so an event at a version means that the stream has told everything before it.
 */
export class Progress {
  #version: number | undefined;
  readonly #listed = new Map<string, number>();

  /** Undefined before the first state is complete: there is nothing to resume from. */
  get version(): number | undefined {
    return this.#version;
  }

  /** Where a stream for all keys has to begin, so that none of them loses an event. */
  get resumeFrom(): number | undefined {
    return this.#version === undefined ? undefined : Math.min(this.#version, ...this.#listed.values());
  }

  /** The whole state was told, as of a version. */
  restart(version: number | undefined): void {
    this.#version = version;
    this.#listed.clear();
  }

  /** One key's state was told apart, as of a version. */
  list(key: string, version: number): void {
    this.#listed.set(key, version);
  }

  /** Whether an event of a key is news. */
  isNews(key: string, version: number): boolean {
    return version > (this.#listed.get(key) ?? this.#version ?? 0);
  }

  /** A stream for `keys` has told everything up to a version. */
  advance(keys: ReadonlySet<string>, version: number): void {
    const ahead = version >= (this.#version ?? 0);
    if (ahead) this.#version = version;
    for (const [key, listed] of this.#listed) {
      if (!keys.has(key) || listed > version) continue;
      if (ahead) this.#listed.delete(key);
      else this.#listed.set(key, version);
    }
  }
}
