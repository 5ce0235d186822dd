/** What happens to files: random faults, as fast-check makes and shrinks them. */

import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";

export type Fault =
  | { readonly type: "flip"; readonly at: number; readonly bit: number }
  | { readonly type: "fill"; readonly at: number; readonly length: number; readonly byte: number }
  | { readonly type: "truncate"; readonly at: number }
  /** Pages of `pageBytes`. */
  | { readonly type: "swap"; readonly page: number; readonly other: number }
  | { readonly type: "copy"; readonly page: number; readonly other: number };

// Not a double: most of those between 0 and 1 are next to 0.
const place = fc.nat(999_999).map((n) => n / 1_000_000);

/** Places are parts of the file's length. */
export const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("flip" as const), at: place, bit: fc.nat(7) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("fill" as const),
      at: place,
      length: fc.integer({ min: 1, max: 600 }),
      byte: fc.constantFrom(0, 0xff, 0x41),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("truncate" as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("swap" as const), page: place, other: place }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("copy" as const), page: place, other: place }) },
);

export function inflict(path: string, pageBytes: number, one: Fault): void {
  const bytes = readFileSync(path);
  const pages = Math.floor(bytes.length / pageBytes);
  const page = (share: number) => {
    const at = Math.floor(share * pages) * pageBytes;
    return bytes.subarray(at, at + pageBytes);
  };
  switch (one.type) {
    case "flip":
      bytes[Math.floor(one.at * bytes.length)]! ^= 1 << one.bit;
      return writeFileSync(path, bytes);
    case "fill": {
      const at = Math.floor(one.at * bytes.length);
      bytes.fill(one.byte, at, Math.min(bytes.length, at + one.length));
      return writeFileSync(path, bytes);
    }
    case "truncate":
      return writeFileSync(path, bytes.subarray(0, Math.floor(one.at * bytes.length)));
    case "swap": {
      const [left, right] = [Buffer.from(page(one.page)), Buffer.from(page(one.other))];
      page(one.page).set(right);
      page(one.other).set(left);
      return writeFileSync(path, bytes);
    }
    case "copy":
      page(one.page).set(Buffer.from(page(one.other)));
      return writeFileSync(path, bytes);
  }
}
