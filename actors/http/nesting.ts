/**
 * How deep JSON is nested, found out before it is parsed: JSON.parse takes any depth, but 1,000,000 levels cost it
 * half a second, and whoever quotes such a value in a sentence another one.
 */

const quote = 0x22;
const backslash = 0x5c;
const newline = 0x0a;

const [other, quotes, opens, closes, ends] = [0, 1, 2, 3, 4];
const classOf = new Uint8Array(256);
classOf[quote] = quotes;
classOf["[".charCodeAt(0)] = opens;
classOf["{".charCodeAt(0)] = opens;
classOf["]".charCodeAt(0)] = closes;
classOf["}".charCodeAt(0)] = closes;
classOf[newline] = ends;

/** `isLines`: each line is a text of its own, good or bad. UTF-8 has none of these bytes inside a character. */
export function isNestedDeeper(json: Uint8Array, maxDepth: number, isLines: boolean): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const found = classOf[json[at]!];
    if (found === other) continue;
    if (found === opens) {
      if (++depth > maxDepth) return true;
    } else if (found === closes) depth--;
    else if (found === quotes) at = endOfString(json, at, isLines);
    else if (isLines) depth = 0;
  }
  return false;
}

/** Place of the quote that ends the string, or of the last byte before the line that begins without one. */
function endOfString(json: Uint8Array, start: number, isLines: boolean): number {
  for (let at = start + 1; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) return at;
    if (byte === backslash) at++;
    else if (isLines && byte === newline) return at - 1;
  }
  return json.length;
}
