/** PEM files that a policy names, read when a connection needs them and again when they have changed. */
import { readFileSync, statSync } from "node:fs";

export interface FileReader {
  /** Changes whenever the file does. */
  stamp(path: string): string;
  read(path: string): string;
}

export const systemFiles: FileReader = {
  stamp(path) {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  },
  read: (path) => readFileSync(path, "utf8"),
};

interface Entry {
  readonly stamp: string;
  readonly pem: string;
  checkedAt: number;
}

/** A rotated certificate is in use after that long; in ms. */
const CHECK_MS = 1_000;

export class TlsFiles {
  readonly #files: FileReader;
  readonly #entries = new Map<string, Entry>();

  constructor(files: FileReader) {
    this.#files = files;
  }

  /** The file's content: the same string for as long as it does not change. Throws when it cannot be read. */
  pem(path: string, now: number): string {
    const known = this.#entries.get(path);
    if (known !== undefined && now - known.checkedAt < CHECK_MS) return known.pem;
    const stamp = this.#files.stamp(path);
    if (known !== undefined && known.stamp === stamp) {
      known.checkedAt = now;
      return known.pem;
    }
    const pem = this.#files.read(path);
    this.#entries.set(path, { stamp, pem, checkedAt: now });
    return pem;
  }
}
