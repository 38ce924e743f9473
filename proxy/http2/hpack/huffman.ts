/**
 * The Huffman code (RFC 7541 section 5.2 and appendix B), decoded four bits at a time.
 *
 * The code is canonical, so its lengths say all of it. A state is a node of the code's tree; as the shortest code has five
 * bits, a step of four ends at most one symbol. The table is made when the first coded string arrives: 16 KiB that a
 * process without HTTP/2 does not need.
 */

/** Symbols by the length of their code; 256 is EOS. */
const SYMBOLS_BY_LENGTH: Readonly<Record<number, string>> = {
  5: "48-50 97 99 101 105 111 115-116",
  6: "32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117",
  7: "58 66-87 89 106-107 113 118-122",
  8: "38 42 44 59 88 90",
  10: "33-34 40-41 63",
  11: "39 43 124",
  12: "35 62",
  13: "0 36 64 91 93 126",
  14: "94 125",
  15: "60 96 123",
  19: "92 195 208",
  20: "128 130-131 162 184 194 224 226",
  21: "153 161 167 172 176-177 179 209 216-217 227 229-230",
  22: "129 132-134 136 146 154 156 160 163-164 169-170 173 178 181 185-187 189-190 196 198 228 232-233",
  23: "1 135 137-141 143 147 149-152 155 157-158 165-166 168 174-175 180 182-183 188 191 197 231 239",
  24: "9 142 144-145 148 159 171 206 215 225 236-237",
  25: "199 207 234-235",
  26: "192-193 200-202 205 210 213 218-219 238 240 242-243 255",
  27: "203-204 211-212 214 221-223 241 244-248 250-254",
  28: "2-8 11-12 14-21 23-31 127 220 249",
  30: "10 13 22 256",
};

export interface HuffmanCode {
  readonly symbol: number;
  readonly code: number;
  readonly length: number;
}

/** The canonical code: shorter first, then by symbol, each one more than the one before. */
export function huffmanCodes(): HuffmanCode[] {
  const result: HuffmanCode[] = [];
  let code = 0;
  let previous = 0;
  for (const [key, symbols] of Object.entries(SYMBOLS_BY_LENGTH)) {
    const length = Number(key);
    for (const symbol of expand(symbols)) {
      code <<= length - previous;
      previous = length;
      result.push({ symbol, code, length });
      code++;
    }
  }
  return result;
}

function expand(ranges: string): number[] {
  return ranges.split(" ").flatMap((range) => {
    const [first, last] = range.split("-").map(Number) as [number, number | undefined];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** A step: the next state in the low byte, the symbol that it ended in the next, and these. */
const EMITS = 1 << 16;
/** The string may end here: what is left are fewer than eight bits of EOS, which are all ones. */
const MAY_END = 1 << 17;
const FAILS = 1 << 18;

let steps: Uint32Array | undefined;

interface Node {
  /** -1 in an inner node. */
  readonly symbol: number;
  readonly branches: [Node | undefined, Node | undefined];
  /** Of inner nodes, in the table. */
  state: number;
  /** Reached from the root by ones alone, at most seven of them. */
  padding: boolean;
}

function buildSteps(): Uint32Array {
  const newNode = (symbol: number): Node => ({
    symbol,
    branches: [undefined, undefined],
    state: 0,
    padding: false,
  });
  const root = newNode(-1);
  const inner = [root];
  for (const { symbol, code, length } of huffmanCodes()) {
    let node = root;
    for (let bit = length - 1; bit >= 0; bit--) {
      const branch = (code >> bit) & 1;
      let next = node.branches[branch];
      if (next === undefined) {
        next = newNode(bit === 0 ? symbol : -1);
        node.branches[branch] = next;
        if (bit > 0) {
          next.state = inner.length;
          inner.push(next);
        }
      }
      node = next;
    }
  }
  let ones: Node | undefined = root;
  for (let depth = 0; depth < 8 && ones !== undefined; depth++) {
    ones.padding = true;
    ones = ones.branches[1];
  }
  const table = new Uint32Array(inner.length * 16);
  for (const from of inner) {
    for (let nibble = 0; nibble < 16; nibble++) table[from.state * 16 + nibble] = step(root, from, nibble);
  }
  return table;
}

function step(root: Node, from: Node, nibble: number): number {
  let node = from;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = node.branches[(nibble >> bit) & 1];
    if (next === undefined || next.symbol === 256) return FAILS;
    if (next.symbol >= 0) {
      emitted = EMITS | (next.symbol << 8);
      node = root;
    } else node = next;
  }
  return node.state | emitted | (node.padding ? MAY_END : 0);
}

/**
 * Decodes `bytes[start, end)` to `out` from `at`, which has room for 8/5 of its length.
 * The offset behind the last character, or -1 when it is no such code.
 */
export function decodeHuffman(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  steps ??= buildSteps();
  const table = steps;
  let entry = MAY_END;
  for (let index = start; index < end; index++) {
    const byte = bytes[index] as number;
    entry = table[((entry & 0xff) << 4) | (byte >> 4)] as number;
    if ((entry & EMITS) !== 0) out[at++] = (entry >> 8) & 0xff;
    if ((entry & FAILS) !== 0) return -1;
    entry = table[((entry & 0xff) << 4) | (byte & 15)] as number;
    if ((entry & EMITS) !== 0) out[at++] = (entry >> 8) & 0xff;
    if ((entry & FAILS) !== 0) return -1;
  }
  return (entry & MAY_END) !== 0 ? at : -1;
}
