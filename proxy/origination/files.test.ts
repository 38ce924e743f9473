import { expect, it } from "vitest";
import { type FileReader, TlsFiles } from "./files.ts";

it("a file is read once, looked at once a second, and read again when it has changed", () => {
  const calls: string[] = [];
  let content = "one";
  const files: FileReader = {
    stamp(path) {
      calls.push(`stamp ${path}`);
      return content;
    },
    read(path) {
      calls.push(`read ${path}`);
      return content;
    },
  };
  const pems = new TlsFiles(files);
  expect(pems.pem("/a", 0)).toBe("one");
  expect(pems.pem("/a", 999)).toBe("one");
  expect(calls).toEqual(["stamp /a", "read /a"]);
  expect(pems.pem("/a", 1_000)).toBe("one");
  content = "two";
  expect(pems.pem("/a", 1_999)).toBe("one");
  expect(pems.pem("/a", 2_000)).toBe("two");
  expect(calls).toEqual(["stamp /a", "read /a", "stamp /a", "stamp /a", "read /a"]);
});

it("a file that is not there is said to be so, each time", () => {
  const files: FileReader = {
    stamp() {
      throw new Error("ENOENT");
    },
    read: () => "",
  };
  const pems = new TlsFiles(files);
  expect(() => pems.pem("/a", 0)).toThrow("ENOENT");
  expect(() => pems.pem("/a", 1)).toThrow("ENOENT");
});
