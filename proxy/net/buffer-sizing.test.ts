import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BufferSizing } from "./buffer-sizing.ts";
import { FakeBuffers } from "./kernel-buffers.fake.ts";
import {
  BULK_BYTES,
  DEEP_RECEIVE,
  FAST_BYTES,
  MODEST,
  PRESSURE,
  PROMPT_BYTES,
  PROMPT_MS,
  RECOVERED_BYTES,
  SMALL,
  STREAM_BYTES,
  WIDE_SEND,
} from "./pressure.ts";

const TOO_MUCH = 5 * 1024 * 1024;
const FD = 7;
let buffers: FakeBuffers;
let all: BufferSizing[];
beforeEach(() => {
  buffers = new FakeBuffers();
  PRESSURE.buffers = buffers;
  all = [];
});
afterEach(() => {
  for (const each of all) each.close();
  PRESSURE.buffers = undefined;
  PRESSURE.release(PRESSURE.held);
});

function start(): BufferSizing {
  const sizing = new BufferSizing(FD);
  all.push(sizing);
  return sizing;
}

describe("the kernel's buffers of a connection", () => {
  it("are modest at first, and stay so where the peer is near, however fast it is", () => {
    const sizing = start();
    expect(buffers.sizes).toBe(MODEST);
    sizing.read(100 * FAST_BYTES);
    expect(buffers.sizes).toBe(MODEST);
  });

  it("are the kernel's to size once it has kept up with so much from far away", () => {
    buffers.distant = true;
    const sizing = start();
    sizing.read(FAST_BYTES);
    expect(buffers.sizes).toBe(MODEST);
    sizing.read(1);
    expect(buffers.sizes).toBe("free");
  });

  describe("under pressure", () => {
    it("are small when it waits and is not known to be fast, and what they were when that is over", () => {
      const sizing = start();
      sizing.waits();
      expect(buffers.sizes).toBe(MODEST);
      PRESSURE.hold(TOO_MUCH);
      sizing.waits();
      expect(buffers.sizes).toBe(SMALL);
      expect(sizing.small).toBe(true);
      PRESSURE.release(TOO_MUCH);
      sizing.resumed(PROMPT_MS);
      expect(buffers.sizes).toBe(MODEST);
    });

    it("stay modest when its waits are short, and become that when they were free", () => {
      buffers.distant = true;
      const [near, far] = [start(), start()];
      far.read(FAST_BYTES + 1);
      for (const each of [near, far]) each.resumed(PROMPT_MS - 1);
      PRESSURE.hold(TOO_MUCH);
      near.waits();
      expect(buffers.sizes).toBe("free");
      far.waits();
      expect(buffers.sizes).toBe(MODEST);
    });

    it("are small as soon as a wait was long", () => {
      const sizing = start();
      sizing.resumed(0);
      PRESSURE.hold(TOO_MUCH);
      sizing.waits();
      expect(sizing.small).toBe(false);
      sizing.resumed(PROMPT_MS);
      expect(sizing.small).toBe(true);
    });

    it("are modest again when so much is read without a pause", () => {
      const sizing = start();
      PRESSURE.hold(TOO_MUCH);
      sizing.waits();
      sizing.read(RECOVERED_BYTES);
      expect(buffers.sizes).toBe(SMALL);
      sizing.read(1);
      expect(buffers.sizes).toBe(MODEST);
      expect(sizing.small).toBe(false);
    });
  });

  describe("for what is written", () => {
    it("are wide, once, when it reads as fast as it is sent to, under pressure too", () => {
      for (const held of [0, TOO_MUCH]) {
        PRESSURE.hold(held);
        buffers.wide = 0;
        const sizing = start();
        sizing.taken(PROMPT_BYTES / 2, PROMPT_MS - 1);
        expect(buffers.wide).toBe(0);
        sizing.taken(PROMPT_BYTES / 2, PROMPT_MS - 1);
        expect(buffers.wide).toBe(WIDE_SEND);
        buffers.wide = 0;
        sizing.taken(PROMPT_BYTES, 1);
        expect(buffers.wide).toBe(0);
      }
    });

    it("stay as they are for one that reads slowly, whatever it takes between two pauses", () => {
      const sizing = start();
      for (let i = 0; i < 20; i++) {
        sizing.taken(PROMPT_BYTES / 2, 1);
        sizing.taken(1, PROMPT_MS);
      }
      expect(buffers.wide).toBe(0);
    });

    it("are lost to a wide one that is slow under pressure, and another may have them", () => {
      const sizing = start();
      sizing.taken(PROMPT_BYTES, 1);
      PRESSURE.hold(TOO_MUCH);
      sizing.taken(1, PROMPT_MS);
      expect(buffers.sizes).toBe(SMALL);
      for (let each = 0; each < 64; each++) start().taken(PROMPT_BYTES, 1);
      expect(PRESSURE.widen()).toBe(false);
      all.pop()?.close();
      expect(PRESSURE.widen()).toBe(true);
      PRESSURE.narrow();
    });
  });

  describe("of what arrives", () => {
    const stream = (sizing: BufferSizing, bytes = STREAM_BYTES) => {
      sizing.becomeOpaque();
      for (let read = 0; read <= bytes; read += BULK_BYTES) sizing.read(BULK_BYTES);
    };

    it("stay as they are for a stream of what has to be judged", () => {
      const sizing = start();
      for (let read = 0; read <= 2 * STREAM_BYTES; read += BULK_BYTES) sizing.read(BULK_BYTES);
      expect(buffers.deep).toBe(0);
    });

    it("are deep for a stream of bulk", () => {
      const sizing = start();
      stream(sizing, STREAM_BYTES - 2 * BULK_BYTES);
      expect(buffers.deep).toBe(0);
      stream(sizing, 2 * BULK_BYTES);
      expect(buffers.deep).toBe(DEEP_RECEIVE);
    });

    it("stay as they are for many small messages, and for a stream that is slow to be taken", () => {
      const sizing = start();
      sizing.becomeOpaque();
      for (let read = 0; read <= 2 * STREAM_BYTES; read += 1024) sizing.read(1024);
      for (let i = 0; i < 10; i++) {
        stream(sizing, STREAM_BYTES / 2);
        sizing.resumed(PROMPT_MS);
      }
      expect(buffers.deep).toBe(0);
    });

    it("are deep for a few at a time", () => {
      for (let each = 0; each < 4; each++) stream(start());
      buffers.deep = 0;
      stream(start());
      expect(buffers.deep).toBe(0);
      all[0]?.close();
      stream(start());
      expect(buffers.deep).toBe(DEEP_RECEIVE);
    });

    it("are modest again when it waits under pressure, and none get deep then", () => {
      const sizing = start();
      stream(sizing);
      sizing.resumed(1);
      PRESSURE.hold(TOO_MUCH);
      sizing.waits();
      expect(buffers.deep).toBe(MODEST.receive);
      buffers.deep = 0;
      stream(start());
      expect(buffers.deep).toBe(0);
      PRESSURE.release(TOO_MUCH);
      stream(sizing);
      expect(buffers.deep).toBe(DEEP_RECEIVE);
    });
  });
});
