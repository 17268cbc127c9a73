// A Markov chain on the words of a text, the smallest language model, as reference/markov.py has it.

import { draw } from "./chain.js";
import { uniform } from "./philox.js";

const END = -1; // before the first word of a line, and after its last

/** Count what follows each state, the last `order` words; each line of the text is a sequence. */
export function fit(text, order) {
  const words = [], ids = new Map(), rows = new Map();
  for (const line of text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/)) {
    const found = line.split(/(?:[^\S\ufeff]|[\x1c-\x1f\x85])+/u).filter(Boolean);
    const sequence = [...Array(order).fill(END), ...found.map((word) => idOf(word, words, ids)), END];
    if (found.length === 0) continue;
    for (let t = order; t < sequence.length; t++) {
      const state = sequence.slice(t - order, t).join();
      if (!rows.has(state)) rows.set(state, new Map());
      const row = rows.get(state);
      row.set(sequence[t], (row.get(sequence[t]) ?? 0) + 1);
    }
  }
  return { words, rows, order };
}

function idOf(word, words, ids) {
  if (!ids.has(word)) ids.set(word, words.push(word) - 1);
  return ids.get(word);
}

/** Return the words that can follow a state, larger count first, and their masses at a temperature. */
function law(row, temperature) {
  const ranked = [...row].sort(([a, m], [b, n]) => n - m || a - b);
  return { tokens: ranked.map(([token]) => token), masses: tempered(ranked.map(([, count]) => count), temperature) };
}

function tempered(counts, temperature) {
  if (temperature === 0) return [1];
  if (temperature === 1) return counts;
  return counts.map((count) => (count / counts[0]) ** (1 / temperature));
}

/**
 * Walk from the beginning of a line, at most `length` words; word t of walk w takes uniform(seed, t, 0, w).
 * Each word comes with the state before it.
 */
export function walk(chain, length, temperature, seed, w) {
  const found = [];
  let state = Array(chain.order).fill(END);
  while (found.length < length) {
    const { tokens, masses } = law(chain.rows.get(state.join()), temperature);
    const token = tokens[draw(masses, uniform(seed, found.length, 0, w))];
    if (token === END) break;
    found.push({ word: chain.words[token], state });
    state = [...state.slice(1), token];
  }
  return found;
}

/** Return what can follow a state: words, null for the end, their counts, and their shares at some temperatures. */
export function following(chain, state, temperatures) {
  const row = chain.rows.get(state.join());
  const columns = temperatures.map((temperature) => {
    const { masses } = law(row, temperature), total = masses.reduce((a, b) => a + b, 0);
    return masses.map((mass) => mass / total);
  });
  return law(row, 1).tokens.map((token, i) => ({
    word: token === END ? null : chain.words[token],
    count: row.get(token),
    shares: columns.map((column) => column[i] ?? 0),
  }));
}
