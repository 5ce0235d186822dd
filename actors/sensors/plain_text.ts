/**
 * Texts as almost all senders write them, recognized without regular expressions or allocations, tens of millions a
 * second. What is not recognized is not wrong: the general rules decide then.
 */

/** Ids up to this many characters are recognized; within the bound of an id's bytes. */
const maxPlainId = 256;

/** Digits of which every integer is exact in a double. */
const maxDigits = 15;

const powersOfTen = Array.from({ length: maxDigits + 1 }, (_, exponent) => 10 ** exponent);

/** Whether `text` is 1 to 256 characters of printable ASCII, which every rule about ids allows. */
export function isPlainId(text: string): boolean {
  const { length } = text;
  if (length === 0 || length > maxPlainId) return false;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}

/**
 * The number that `-?digits[.digits]` with at most 15 digits says, else null. An integer below 2^53 divided by a power
 * of ten below 10^22 is rounded once, hence correctly (Clinger, How to Read Floating Point Numbers Accurately, 1990).
 */
export function plainDecimal(text: string): number | null {
  const { length } = text;
  const start = text.charCodeAt(0) === 0x2d ? 1 : 0;
  // A sign and a point beside the digits.
  if (length === start || length > maxDigits + 2) return null;
  let integer = 0;
  let point = -1;
  for (let i = start; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit >= 0 && digit <= 9) integer = integer * 10 + digit;
    else if (digit === 0x2e - 0x30 && point < 0) point = i;
    else return null;
  }
  const digits = length - start - (point < 0 ? 0 : 1);
  if (digits === 0 || digits > maxDigits) return null;
  const value = point < 0 ? integer : integer / powersOfTen[length - 1 - point]!;
  return start === 1 ? -value : value;
}
