// The samplers, as reference/samplers/ has them. A filter says which places stay, a scale returns new logits; both see
// the logits of the tokens that are left, the largest first. Fields have their defaults and their ranges.

import { SLACK, atLeast, countOf, entropies, entropy, log, logMass, logProbabilities, masses, prefix, range,
  runningSums, shares, sum } from "./sums.js";

const TIES = ["first", "all"], KEEP = ["keep", "drop"];
const share = (start) => ({ start, low: 0, high: 1 });
const size = (start, high = Infinity) => ({ start, low: 0, high, finite: true });
const whole = (start, low) => ({ start, low, high: Infinity, whole: true, finite: true });
const word = (...words) => ({ start: words[0], words });

function deviation(logits, less) {
  const mean = sum(logits) / logits.length;
  return Math.sqrt(sum(logits.map((z) => (z - mean) ** 2)) / (logits.length - less));
}

/** Return how many terms of a sum of falling ones stay below a share p of it. */
function within(before, p, equal) {
  return countOf(before, (mass) => (equal === "keep" ? mass <= p * (1 + SLACK) : mass < p * (1 - SLACK)));
}

const filters = {
  top_k: {
    fields: { k: whole(0, -1), ties: word(...TIES) },
    keep: (logits, { k, ties }) => (k <= 0 ? range(logits.length) : prefix(logits, k, 1, ties)),
    why: ({ k }) => `top-k keeps the ${k} likeliest`,
  },
  top_p: {
    fields: { p: share(1), min_keep: whole(1, 1), ties: word(...TIES), crossing: word(...KEEP),
      equal: word("drop", "keep"), of: word("survivors", "all") },
    keep(logits, { p, min_keep, ties, crossing, equal, of }, { whole }) {
      if (p === 1) return range(logits.length);
      const weights = masses(logits);
      let bound = p * sum(weights);
      if (of === "all") bound *= Math.exp(Math.min(whole - logMass(logits), 700));
      const after = runningSums(weights), before = [0, ...after.slice(0, -1)];
      const count = crossing === "drop"
        ? countOf(after, (mass) => mass <= bound * (1 + SLACK)) : within(before, bound, equal);
      return prefix(logits, count, min_keep, ties);
    },
    why: ({ p }) => `likelier tokens have ${p} of the probability, or more, already`,
  },
  min_p: {
    fields: { p: share(0), min_keep: whole(1, 1) },
    keep: (logits, { p, min_keep }) =>
      prefix(logits, countOf(logits, (z) => z - logits[0] >= log(p) - SLACK), min_keep),
    why: ({ p }) => `less than ${p} times the largest probability`,
  },
  typical: {
    fields: { p: share(1), min_keep: whole(1, 1), ties: word(...TIES), equal: word("drop", "keep") },
    keep(logits, { p, min_keep, ties, equal }) {
      if (p === 1) return range(logits.length);
      const expected = entropy(logits), own = shares(logits);
      const excess = logProbabilities(logits).map((x) => -x - expected), far = excess.map(Math.abs);
      const second = (i) => (excess[i] < -SLACK ? -i : i);
      const nearest = range(logits.length).sort((i, j) => far[i] - far[j] || second(i) - second(j));
      let count = Math.max(within([0, ...runningSums(nearest.map((i) => own[i])).slice(0, -1)], p, equal), 1);
      if (ties === "all") count = countOf(far, (distance) => distance <= far[nearest[count - 1]]);
      return nearest.slice(0, Math.max(count, min_keep)).sort((i, j) => i - j);
    },
    why: ({ p }) => `tokens whose surprise is nearer to the entropy have ${p} of the probability, or more, already`,
  },
  epsilon: {
    fields: { epsilon: share(0), min_keep: whole(1, 1), ties: word(...TIES) },
    keep: (logits, { epsilon, min_keep, ties }) => atLeast(logits, log(epsilon), min_keep, ties),
    why: ({ epsilon }) => `less likely than ${epsilon}`,
  },
  eta: {
    fields: { epsilon: share(0), min_keep: whole(1, 1), ties: word(...TIES) },
    keep: (logits, { epsilon, min_keep, ties }) =>
      atLeast(logits, Math.min(log(epsilon), log(epsilon) / 2 - entropy(logits)), min_keep, ties),
    why: () => "less likely than min(epsilon, sqrt(epsilon) exp(-entropy))",
  },
  top_a: {
    fields: { a: share(0), min_keep: whole(1, 1) },
    keep: (logits, { a, min_keep }) => atLeast(logits, log(a) + 2 * logProbabilities(logits)[0], min_keep),
    why: ({ a }) => `less likely than ${a} times the square of the largest probability`,
  },
  tail_free: {
    fields: { z: share(1), min_keep: whole(1, 1), crossing: word("drop", "keep") },
    keep(logits, { z, min_keep, crossing }) {
      if (z === 1 || logits.length <= 2) return range(logits.length);
      const own = shares(logits), slopes = own.slice(1).map((p, i) => own[i] - p);
      let bends = slopes.slice(1).map((slope, i) => Math.abs(slopes[i] - slope)), total = sum(bends);
      if (total <= 1e-6) [bends, total] = [bends.map(() => 1), bends.length];
      const end = runningSums(bends).findIndex((mass) => mass > z * total * (1 + SLACK));
      if (end < 0) return range(logits.length);
      return prefix(logits, crossing === "keep" ? end + 1 : end, min_keep);
    },
    why: () => "in the tail, where the probabilities fall evenly",
  },
  top_n_sigma: {
    fields: { n: size(0), sigma: word("population", "sample"), min_keep: whole(1, 1) },
    keep(logits, { n, sigma, min_keep }) {
      if (n === 0 || logits.length === 1) return range(logits.length);
      const bound = n * deviation(logits, sigma === "population" ? 0 : 1) * (1 + SLACK);
      return prefix(logits, countOf(logits, (z) => logits[0] - z <= bound), min_keep);
    },
    why: ({ n }) => `its logit is more than ${n} deviations below the largest`,
  },
  top_h: {
    fields: { alpha: share(0), rule: word("paper", "transformers"), min_keep: whole(1, 1) },
    keep(logits, { alpha, rule, min_keep }) {
      if (alpha === 0) return range(logits.length);
      const head = rule === "transformers" ? logits.slice(0, 100) : logits;
      const grown = rule === "transformers"
        ? runningSums(logProbabilities(head).map((p) => (p > -Infinity ? -Math.exp(p) * p : 0))) : entropies(head);
      const bound = alpha * entropy(head) * (1 + SLACK), end = grown.findIndex((h) => !(h <= bound));
      return prefix(head, end < 0 ? head.length : end, min_keep);
    },
    why: ({ alpha }) => `with it the entropy is above ${alpha} times that of all`,
  },
  p_less: {
    fields: {},
    keep: (logits) => atLeast(logits, log(sum(shares(logits).map((p) => p * p)))),
    why: () => "less likely than two draws are to be the same",
  },
  min_k: {
    fields: { tau: size(0) },
    keep(logits, { tau }) {
      const spread = logits[0] - logits.at(-1);
      if (spread === 0) return range(logits.length);
      const decays = logits.slice(1).map((z, i) => (logits[i] - z) / (i + 1));
      const steepest = 1 + decays.indexOf(Math.max(...decays));
      return prefix(logits, Math.max(steepest, Math.floor(Math.min(tau / spread, logits.length))));
    },
    why: () => "below the steepest fall from one logit to the next",
  },
  p_step: {
    fields: { ratio: share(0), min_keep: whole(1, 1) },
    keep(logits, { ratio, min_keep }) {
      const end = logits.findIndex((z, i) => i > 0 && !(z - logits[i - 1] >= log(ratio)));
      return prefix(logits, end < 0 ? logits.length : end, min_keep);
    },
    why: ({ ratio }) => `after a token that is less than ${ratio} times as likely as the one before it`,
  },
  xtc: {
    fields: { probability: share(0), threshold: share(0.1), min_keep: whole(1, 1), equal: word(...KEEP),
      ties: word(...TIES) },
    keep(logits, { probability, threshold, min_keep, equal, ties }, { u }) {
      const bound = log(threshold);
      const top = countOf(logProbabilities(logits), (p) => (equal === "keep" ? p >= bound - SLACK : p > bound + SLACK));
      let first = Math.max(top - 1, 0);
      while (ties === "all" && first > 0 && logits[first - 1] === logits[first]) first--;
      const acts = u < probability && logits.length - first >= min_keep;
      return range(logits.length).slice(acts ? first : 0);
    },
    why: ({ threshold }) => `a less likely token reaches ${threshold} too`,
  },
  greedy: { fields: {}, keep: () => [0], why: () => "not the likeliest" },
};

const scales = {
  temperature: {
    fields: { temperature: { start: 1, low: 0, high: Infinity } },
    scale(logits, { temperature }, row) {
      if (temperature === 0) return row.map((_, i) => (i === 0 ? row[0] : -Infinity));
      return temperature === Infinity ? row.map(() => 0) : row.map((z) => z / temperature);
    },
  },
  dynamic_temperature: {
    fields: { low: size(1), high: size(1), exponent: size(1) },
    scale(logits, { low, high, exponent }, row) {
      if (logits.length === 1) return row;
      let part = entropy(logits) / Math.log(logits.length);
      if (part > 1 - SLACK) part = 1;
      return scales.temperature.scale(logits, { temperature: low + (high - low) * part ** exponent }, row);
    },
  },
  quadratic: {
    fields: { factor: size(0), curve: { start: 1, low: 1, high: 3 } },
    scale(logits, { factor, curve }, row) {
      if (factor === 0) return row;
      const k = (3 - curve) / 2, s = (curve - 1) / 2;
      return row.map((z) => z - logits[0]).map((d) => logits[0] + factor * d * d * (s * d - k));
    },
  },
  adaptive_p: {
    fields: { target: share(0.5), decay: share(1) },
    scale(logits, { target }, row) {
      return shares(row).map((p) => Math.abs(p - target) / 0.3).map((d) => 5 - (10 * d * d) / (1 + d));
    },
  },
};

const draws = { gumbel: { fields: { draws: word("independent", "distinct") } } };

export const SAMPLERS = { ...filters, ...scales, ...draws };
export const isFilter = (name) => name in filters;
export const isScale = (name) => name in scales;
