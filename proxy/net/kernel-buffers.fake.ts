import type { BufferSizes, KernelBuffers } from "./pressure.ts";

/** Kernel buffers that only remember what they were told last, and have these bytes to read. */
export class FakeBuffers implements KernelBuffers {
  wide = 0;
  deep = 0;
  distant = false;
  sizes: BufferSizes | "free" | undefined;
  readonly arrived: Buffer[] = [];
  set(_fd: number, sizes: BufferSizes): void {
    this.sizes = sizes;
  }
  setSend(_fd: number, bytes: number): void {
    this.wide = bytes;
  }
  setReceive(_fd: number, bytes: number): void {
    this.deep = bytes;
  }
  free(): void {
    this.sizes = "free";
  }
  isDistant(): boolean {
    return this.distant;
  }
  read(_fd: number, bytes: number): Buffer | undefined {
    const next = this.arrived.shift();
    if (next !== undefined && next.length > bytes)
      throw new Error(`asked for ${bytes} bytes of ${next.length}`);
    return next;
  }
}
