import { expect, it } from "vitest";
import { Wait } from "./patience.ts";

const BOUND = 100;

it("waits as long as the bound says, from when something was first missing", () => {
  const wait = new Wait();
  expect(wait.end(BOUND)).toBeUndefined();
  expect(wait.goOn(1_000, BOUND)).toBe(false);
  expect(wait.goOn(1_099, BOUND)).toBe(false);
  expect(wait.end(BOUND)).toBe(1_100);
  expect(wait.isOver(1_100, BOUND)).toBe(true);
  expect(wait.goOn(1_100, BOUND)).toBe(true);
});

it("has given up for good once it was in vain, also where the bound is longer then", () => {
  const wait = new Wait();
  wait.goOn(1_000, BOUND);
  wait.goOn(1_100, BOUND);
  expect(wait.goOn(1_101, 10 * BOUND)).toBe(true);
  expect(wait.end(BOUND)).toBeUndefined();
});

it("begins anew when nothing is missing any more", () => {
  const wait = new Wait();
  wait.goOn(1_000, BOUND);
  wait.reset();
  expect(wait.isOver(2_000, BOUND)).toBe(false);
  expect(wait.goOn(2_000, BOUND)).toBe(false);
  expect(wait.end(BOUND)).toBe(2_100);
});

it("is over at once where nothing is to be waited for", () => {
  expect(new Wait().goOn(1_000, 0)).toBe(true);
});
