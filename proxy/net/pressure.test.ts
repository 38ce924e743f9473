import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BLOCK_BYTES, Blocks } from "./blocks.ts";
import { FakeBuffers } from "./kernel-buffers.fake.ts";
import { PRESSURE, Pressure } from "./pressure.ts";
import { fakeSocket } from "./socket.fake.ts";

const MIB = 1024 * 1024;

describe("pressure", () => {
  it("is high above a limit, and until half of it is released", () => {
    const pressure = new Pressure();
    pressure.buffers = new FakeBuffers();
    pressure.hold(4 * MIB);
    expect(pressure.high).toBe(false);
    pressure.hold(1);
    expect(pressure.high).toBe(true);
    pressure.release(2 * MIB);
    expect(pressure.high).toBe(true);
    pressure.release(2);
    expect(pressure.high).toBe(false);
  });

  it("asks for a collection each time that much has waited, and never without pressure", () => {
    const pressure = new Pressure();
    let collected = 0;
    pressure.collect = () => collected++;
    for (let each = 0; each < 100; each++) {
      pressure.hold(MIB);
      pressure.release(MIB);
    }
    expect(collected).toBe(0);
    pressure.hold(5 * MIB);
    for (let each = 0; each < 33; each++) {
      pressure.hold(MIB);
      pressure.release(MIB);
    }
    expect(collected).toBe(2);
  });
});

describe("wide buffers", () => {
  it("are for so many connections at a time", () => {
    const pressure = new Pressure();
    for (let each = 0; each < 64; each++) expect(pressure.widen()).toBe(true);
    expect(pressure.widen()).toBe(false);
    pressure.narrow();
    expect(pressure.widen()).toBe(true);
  });
});

describe("blocks", () => {
  it("are used again, whole, whatever part of them was used", () => {
    const blocks = new Blocks();
    const block = blocks.take();
    blocks.give(block.subarray(10, 20));
    const again = blocks.take();
    expect(again.buffer).toBe(block.buffer);
    expect(again).toHaveLength(BLOCK_BYTES);
    expect(blocks.take().buffer).not.toBe(block.buffer);
  });

  it("are not made of what is none", () => {
    const blocks = new Blocks();
    const foreign = new Uint8Array(100);
    blocks.give(foreign);
    expect(blocks.take().buffer).not.toBe(foreign.buffer);
  });
});

describe("a socket", () => {
  let buffers: FakeBuffers;
  beforeEach(() => {
    buffers = new FakeBuffers();
    PRESSURE.buffers = buffers;
  });
  afterEach(() => {
    PRESSURE.buffers = undefined;
    PRESSURE.release(PRESSURE.held);
  });

  it("counts what waits until it is written, or the connection is gone", () => {
    const written = fakeSocket();
    written.raw.room = 10;
    written.socket.write(Buffer.alloc(30), 0, 30);
    expect(PRESSURE.held).toBe(20);
    written.raw.room = 5;
    written.socket.onDrain();
    expect(PRESSURE.held).toBe(15);
    written.raw.room = 100;
    written.socket.onDrain();
    expect(PRESSURE.held).toBe(0);
    for (const leave of ["destroy", "close"] as const) {
      const { socket, raw } = fakeSocket();
      raw.room = 0;
      socket.write(Buffer.alloc(30), 0, 30);
      expect(PRESSURE.held).toBe(30);
      if (leave === "destroy") socket.destroy();
      socket.onClose(undefined);
      expect(PRESSURE.held).toBe(0);
    }
  });

  it("keeps no big read for the sake of its last bytes", () => {
    const { socket, raw } = fakeSocket();
    raw.room = 90;
    const read = new Uint8Array(100).fill(7);
    socket.write(read, 0, 100);
    read.fill(9);
    raw.room = 100;
    socket.onDrain();
    expect(Buffer.concat(raw.written)).toEqual(Buffer.alloc(100, 7));
  });

  it("writes the same bytes in the same order under pressure", () => {
    PRESSURE.hold(5 * MIB);
    const { socket, raw } = fakeSocket();
    const expected: Buffer[] = [];
    for (let each = 1; each <= 40; each++) {
      const bytes = Buffer.alloc(each * 700, each);
      expected.push(bytes);
      raw.room = each % 3 === 0 ? 500 : 0;
      socket.write(bytes, 0, bytes.length);
    }
    while (socket.congested) {
      raw.room = 1_000;
      socket.onDrain();
    }
    expect(Buffer.concat(raw.written).equals(Buffer.concat(expected))).toBe(true);
    expect(PRESSURE.held).toBe(5 * MIB);
  });

  it("in plaintext is read by hand then, piece by piece, until nothing is there or it is paused again", async () => {
    PRESSURE.hold(5 * MIB);
    const { socket, raw } = fakeSocket();
    const received: string[] = [];
    socket.events = {
      data(chunk) {
        received.push(chunk.toString());
        if (received.length === 2) socket.pause();
      },
      writable() {},
      ended() {},
      closed() {},
    };
    socket.pullable = true;
    buffers.arrived.push(Buffer.from("a"), Buffer.from("b"), Buffer.from("c"));
    socket.pause();
    socket.resume();
    expect(received).toEqual([]);
    await Promise.resolve();
    expect(received).toEqual(["a", "b"]);
    expect(raw.paused).toBe(true);
    socket.resume();
    await Promise.resolve();
    expect(received).toEqual(["a", "b", "c"]);
    expect(raw.paused).toBe(false);
  });
});
