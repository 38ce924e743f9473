/** What was read of a connection and not taken yet. */
export class Input {
  /** Undefined when everything has been taken. */
  bytes: Buffer | undefined;
  /** Where the rest begins. */
  at = 0;

  /** True when there was nothing before. */
  add(chunk: Buffer): boolean {
    const { bytes } = this;
    this.bytes =
      bytes === undefined ? chunk : Buffer.concat([this.at === 0 ? bytes : bytes.subarray(this.at), chunk]);
    this.at = 0;
    return bytes === undefined;
  }

  get waiting(): number {
    return this.bytes === undefined ? 0 : this.bytes.length - this.at;
  }

  /** Everything before `at` has been taken. */
  taken(at: number): void {
    if (this.bytes !== undefined && at < this.bytes.length) this.at = at;
    else this.clear();
  }

  /** Gives away what waits. */
  rest(): Buffer | undefined {
    return this.waiting > 0 ? this.bytes?.subarray(this.at) : undefined;
  }

  clear(): void {
    this.bytes = undefined;
    this.at = 0;
  }
}
