/**
 * The periodogram |sum of x_t exp(-2πi k t / n)|² / n, for k from 0 to n / 2, by Bluestein's chirp transform over a fast
 * Fourier transform of a power of two: IEEE Transactions on Audio and Electroacoustics 18 (1970).
 */

/** In place; the length is a power of two. */
function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const angle = -2 * Math.PI * k / size;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let at = k; at < n; at += size) {
        const [a, b] = [
          re[at + half]! * cos - im[at + half]! * sin,
          re[at + half]! * sin + im[at + half]! * cos,
        ];
        re[at + half] = re[at]! - a;
        im[at + half] = im[at]! - b;
        re[at]! += a;
        im[at]! += b;
      }
    }
  }
}

/** Of at least two values. */
export function periodogram(x: Float64Array): Float64Array {
  const n = x.length;
  let size = 1;
  while (size < 2 * n - 1) size *= 2;
  const [chirpRe, chirpIm] = [new Float64Array(n), new Float64Array(n)];
  const [aRe, aIm, bRe, bIm] = [0, 1, 2, 3].map(() => new Float64Array(size)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let t = 0; t < n; t++) {
    // t² modulo 2n: the angle would lose its digits otherwise.
    const angle = Math.PI * ((t * t) % (2 * n)) / n;
    chirpRe[t] = Math.cos(angle);
    chirpIm[t] = Math.sin(angle);
    aRe[t] = x[t]! * chirpRe[t]!;
    aIm[t] = -x[t]! * chirpIm[t]!;
    bRe[t] = bRe[(size - t) % size] = chirpRe[t]!;
    bIm[t] = bIm[(size - t) % size] = chirpIm[t]!;
  }
  transform(aRe, aIm);
  transform(bRe, bIm);
  for (let k = 0; k < size; k++) {
    const re = aRe[k]! * bRe[k]! - aIm[k]! * bIm[k]!;
    // Conjugated, so that the same transform inverts it.
    aIm[k] = -(aRe[k]! * bIm[k]! + aIm[k]! * bRe[k]!);
    aRe[k] = re;
  }
  transform(aRe, aIm);
  const power = new Float64Array(Math.floor(n / 2) + 1);
  for (let k = 0; k < power.length; k++) power[k] = (aRe[k]! ** 2 + aIm[k]! ** 2) / size ** 2 / n;
  return power;
}
