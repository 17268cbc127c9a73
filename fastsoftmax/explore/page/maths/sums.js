// Sums, masses and entropies of a row of logits, the largest first, as reference/samplers/common.py has them.

// What is nearer than this to a bound, relative to it, has reached it: sums are rounded.
export const SLACK = 2 ** -40;

/** Return the sums of the first 1, 2, 3, ... numbers, each as good as exact (Neumaier 1974). */
export function runningSums(numbers) {
  let total = 0, lost = 0;
  return numbers.map((x) => {
    const before = total;
    total += x;
    lost += before >= x ? x - (total - before) : before - (total - x);
    return total + lost;
  });
}

export function sum(numbers) {
  const sums = runningSums(numbers.map(Math.abs));
  if (numbers.every((x) => x >= 0)) return sums.at(-1) ?? 0;
  return sum(numbers.filter((x) => x >= 0)) - sum(numbers.filter((x) => x < 0).map((x) => -x));
}

export const range = (n) => Array.from({ length: n }, (_, i) => i);

export const masses = (logits) => logits.map((z) => Math.exp(z - logits[0]));
const rest = (logits) => sum(masses(logits).slice(1));

/** Return the logarithm of the mass of all. */
export const logMass = (logits) => logits[0] + Math.log1p(rest(logits));

export function logProbabilities(logits) {
  const total = Math.log1p(rest(logits));
  return logits.map((z) => z - logits[0] - total);
}

export function shares(logits) {
  const weights = masses(logits), total = sum(weights);
  return weights.map((mass) => mass / total);
}

const losses = (logits) => masses(logits).map((mass, i) => (mass > 0 ? mass * (logits[0] - logits[i]) : 0));

/** Return -sum p ln p, in nats. */
export function entropy(logits) {
  const others = rest(logits);
  return Math.log1p(others) + sum(losses(logits)) / (1 + others);
}

/** Return the entropy of the first token alone, of the first two, and so on. */
export function entropies(logits) {
  const rests = runningSums([0, ...masses(logits).slice(1)]);
  return runningSums(losses(logits)).map((loss, i) => Math.log1p(rests[i]) + loss / (1 + rests[i]));
}

export const log = (x) => (x > 0 ? Math.log(x) : -Infinity);

/** Return the first places, at least `least`; with ties "all" the equals of the last of them too. */
export function prefix(logits, count, least = 1, ties = "first") {
  let end = Math.min(Math.max(count, least), logits.length);
  while (ties === "all" && end < logits.length && logits[end] === logits[end - 1]) end++;
  return range(end);
}

export const countOf = (items, is) => items.reduce((n, item, i) => n + (is(item, i) ? 1 : 0), 0);

/** Return the places whose ln p reaches a bound. */
export const atLeast = (logits, bound, least = 1, ties = "first") =>
  prefix(logits, countOf(logProbabilities(logits), (p) => p >= bound - SLACK), least, ties);
