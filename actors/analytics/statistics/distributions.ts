/**
 * Tails of the distributions that tests need.
 *
 * Gamma function: Lanczos' approximation, g = 7 with nine coefficients (Godfrey's), good to 1e-15; incomplete gamma
 * function by its series below a + 1 and by Lentz's continued fraction above: DLMF 8.7.1 and 8.9.2, Press et al.,
 * "Numerical Recipes", 3rd ed., 6.2.
 */

const lanczosG = 7;
const lanczos = [
  0.99999999999980993,
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
];

const maxTerms = 1000;
const tiny = 1e-300;

/** Of x > 0. */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const shifted = x - 1;
  let sum = lanczos[0]!;
  for (let i = 1; i < lanczos.length; i++) sum += lanczos[i]! / (shifted + i);
  const t = shifted + lanczosG + 0.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The series of P(a, x). */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < maxTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * Number.EPSILON) break;
  }
  return sum * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

/** The continued fraction of Q(a, x). */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < maxTerms; i++) {
    const step = -i * (i - a);
    b += 2;
    d = 1 / (nonZero(step * d + b));
    c = nonZero(b + step / c);
    const factor = d * c;
    fraction *= factor;
    if (Math.abs(factor - 1) < Number.EPSILON) break;
  }
  return fraction * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

function nonZero(value: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** Q(a, x), the regularised upper incomplete gamma function, a > 0, x ≥ 0. */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

/** P(X > x) of chi-square with `degrees` degrees of freedom. */
export function chiSquareTail(x: number, degrees: number): number {
  return upperGamma(degrees / 2, x / 2);
}

/** P(Z ≤ z) of the standard normal distribution. */
export function normalBelow(z: number): number {
  const half = upperGamma(0.5, z * z / 2) / 2;
  return z < 0 ? half : 1 - half;
}

/** The z below which a share of the standard normal distribution lies; by bisection, to 1e-12. */
export function normalQuantile(share: number): number {
  let [least, greatest] = [-40, 40];
  while (greatest - least > 1e-12) {
    const middle = (least + greatest) / 2;
    if (middle === least || middle === greatest) break;
    if (normalBelow(middle) < share) least = middle;
    else greatest = middle;
  }
  return (least + greatest) / 2;
}
