// Random numbers as a pure function of a key and a counter, as reference/philox.py has them: Philox4x32-10.

const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];
const WORD = 0xffffffff;
export const COIN = 1, GUMBEL = 3;

/** Return the high and the low word of the product of two 32-bit words. */
function product(a, b) {
  const al = a & 0xffff, ah = a >>> 16, bl = b & 0xffff, bh = b >>> 16;
  const low = al * bl, cross = al * bh, other = ah * bl;
  const middle = (low >>> 16) + (cross & 0xffff) + (other & 0xffff);
  return [(ah * bh + (cross >>> 16) + (other >>> 16) + (middle >>> 16)) >>> 0, Math.imul(a, b) >>> 0];
}

function philox(counter, key) {
  let [c0, c1, c2, c3] = counter, [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = product(MULTIPLIERS[0], c0), [high1, low1] = product(MULTIPLIERS[1], c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    [k0, k1] = [(k0 + WEYL[0]) >>> 0, (k1 + WEYL[1]) >>> 0];
  }
  return [c0, c1, c2, c3];
}

/** Return the low and the high word of a whole number below 2^53. A pair of words is returned as it is. */
function words(number) {
  return Array.isArray(number) ? number : [number % 2 ** 32, Math.floor(number / 2 ** 32)];
}

/** Return the uniform number of a seed, step, draw and stream: a multiple of 2^-53 inside (0, 1). */
export function uniform(seed, step = 0, draw = 0, stream = 0) {
  const [low, high] = words(step);
  const [x0, x1] = philox([low, high, draw, stream], words(seed));
  const k = x0 * 2 ** 21 + (x1 >>> 11);
  return k ? k * 2 ** -53 : 2 ** -54;
}

/** Return the seed for one use of random numbers, as COIN, and the number of that use: its low and high word. */
export function keyOf(seed, domain, index = 0) {
  const [x0, x1] = philox([domain, index, WORD, WORD], words(seed));
  return [x1, x0];
}
