import { expect, it } from "vitest";
import { type FileReader, TlsFiles } from "./tls-files.ts";

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

it("revocation lists are read once, and again when they or the authorities have changed", async () => {
  const content: Record<string, string> = { "/anchors": "none", "/lists": "none" };
  const pems = new TlsFiles({ stamp: (path) => content[path] ?? "", read: (path) => content[path] ?? "" });
  const first = pems.revocation("/anchors", "/lists", 0);
  expect(pems.revocation("/anchors", "/lists", 5_000)).toBe(first);
  await expect(first).rejects.toThrow("expected a PEM revocation list, found none");
  content["/lists"] = "others";
  const second = pems.revocation("/anchors", "/lists", 10_000);
  expect(second).not.toBe(first);
  content["/anchors"] = "others";
  const third = pems.revocation("/anchors", "/lists", 15_000);
  expect(third).not.toBe(second);
  await expect(third).rejects.toThrow("found none");
});
