// A chain of samplers: its string, what each step leaves, the distribution and the draws, as reference/chain.py has them.

import { COIN, GUMBEL, keyOf, uniform } from "./philox.js";
import { SAMPLERS, isFilter, isScale } from "./samplers.js";
import { logMass, range, runningSums, sum } from "./sums.js";

const STEP = /(\w+)(?:=([^\s(),=]+)|\(([^()]*)\))?(?=\s|$)/y;
const FIELD = /^\s*(?:(\w+)\s*=\s*)?(?:'([^']*)'|"([^"]*)"|([^\s'"=]+))\s*$/;

/** Return the steps of a chain, each a sampler's name and its fields; an Error names the place of what is wrong. */
export function parse(text) {
  const steps = [];
  let at = text.length - text.trimStart().length;
  while (at < text.trimEnd().length) {
    STEP.lastIndex = at;
    const found = STEP.exec(text), place = `at character ${at + 1}`;
    if (!found) throw Error(`${place}: ${text.slice(at, at + 20)}, expected name=value or name(field=value, ...)`);
    const [all, name, value, inside] = found;
    if (!Object.hasOwn(SAMPLERS, name)) throw Error(`${place}: no sampler ${name}, expected ${listed(SAMPLERS)}`);
    steps.push({ name, fields: fieldsOf(name, value ?? inside ?? "", place) });
    if (steps.length > 1) checkOrder(steps.at(-2).name, name, place);
    at += all.length;
    at += text.slice(at).length - text.slice(at).trimStart().length;
  }
  return steps;
}

const listed = (items) => Object.keys(items).join(", ") || "none";

function checkOrder(before, name, place) {
  if (before === "gumbel" || (before === "adaptive_p" && name !== "gumbel"))
    throw Error(`${place}: ${name} after ${before}, which must be last`);
}

function fieldsOf(name, text, place) {
  const known = SAMPLERS[name].fields, names = Object.keys(known), given = {};
  for (const [i, part] of (text.trim() ? text.split(",") : []).entries()) {
    const found = FIELD.exec(part), field = found?.[1] ?? names[i];
    if (!found || field === undefined) throw Error(`${place}: ${part.trim()} in ${name}, expected field=value`);
    if (!(field in known)) throw Error(`${place}: ${name} has no field ${field}, expected ${names.join(", ")}`);
    if (field in given) throw Error(`${place}: ${name} has ${field} twice`);
    given[field] = checked(`${name}'s ${field}`, found[2] ?? found[3] ?? found[4], known[field], place);
  }
  return { ...Object.fromEntries(names.map((field) => [field, known[field].start])), ...given };
}

function checked(what, text, { low, high, whole, finite, words }, place) {
  if (words) {
    if (!words.includes(text)) throw Error(`${place}: ${what} is ${text}, expected ${words.join(" or ")}`);
    return text;
  }
  const number = text === "inf" ? Infinity : text.trim() === "" ? NaN : Number(text);
  const within = number >= low && number <= high && !(finite && number === Infinity);
  if (within && (!whole || Number.isInteger(number))) return number;
  const kind = whole ? "an integer" : "a number";
  throw Error(`${place}: ${what} is ${text}, expected ${kind} ${high === Infinity ? `>= ${low}` : `in [${low}, ${high}]`}`);
}

/** Return the tokens, larger logit first and lower index first among equals. */
export const order = (logits) => range(logits.length).sort((i, j) => logits[j] - logits[i] || i - j);

/**
 * Return what is left before the first step and after each: tokens in order, their logits, and why others went.
 * `coins` are the uniform numbers of the XTC steps in turn; one that is missing lets XTC act.
 */
export function stages(logits, steps, coins = []) {
  let tokens = order(logits).filter((i) => logits[i] > -Infinity), now = tokens.map((i) => logits[i]);
  if (now.length === 0 || logits.some(Number.isNaN)) throw Error("expected at least one logit above -inf, and no NaN");
  if (now[0] === Infinity) {
    tokens = tokens.filter((i) => logits[i] === Infinity);
    now = tokens.map(() => 0);
  }
  let row = now, tosses = 0;
  const found = [{ name: "", tokens, now, gone: [] }];
  for (const { name, fields } of steps) {
    const before = tokens;
    let places = range(now.length);
    if (isFilter(name)) {
      const u = name === "xtc" ? coins[tosses++] ?? 0 : 0;
      places = SAMPLERS[name].keep(now, fields, { whole: logMass(row), u });
    } else if (isScale(name)) {
      row = row.map((z) => z - now[0]);
      now = now.map((z) => z - now[0]);
      if (name !== "adaptive_p") row = SAMPLERS[name].scale(now, fields, row).filter((z) => z > -Infinity);
      now = SAMPLERS[name].scale(now, fields, now);
      places = places.filter((i) => now[i] > -Infinity);
    }
    tokens = places.map((i) => tokens[i]);
    now = places.map((i) => now[i]);
    const left = new Set(tokens), why = SAMPLERS[name].why?.(fields) ?? "T = 0 keeps the likeliest alone";
    found.push({ name, tokens, now, gone: before.filter((i) => !left.has(i)), why });
  }
  return found;
}

/** Return exp(z - max) of every token that can be drawn and 0 for the others, in index order. */
export function massesOf(logits, steps, coins) {
  const { tokens, now } = stages(logits, steps, coins).at(-1), largest = now.reduce((a, b) => Math.max(a, b));
  const masses = logits.map(() => 0);
  tokens.forEach((token, i) => (masses[token] = Math.exp(now[i] - largest)));
  return masses;
}

const chancesOf = (steps) => steps.filter(({ name }) => name === "xtc").map(({ fields }) => fields.probability);

/** Return the distribution that draws come from: the mean over how the coins of XTC may fall. */
export function probabilities(logits, steps) {
  const chances = chancesOf(steps), mixture = logits.map(() => 0);
  for (const outcome of range(2 ** chances.length)) {
    const coins = chances.map((_, i) => (outcome >> (chances.length - 1 - i)) & 1);
    const weight = coins.reduce((w, coin, i) => w * (coin ? 1 - chances[i] : chances[i]), 1);
    if (weight === 0) continue;
    const masses = massesOf(logits, steps, coins), total = sum(masses);
    masses.forEach((mass, i) => (mixture[i] += (weight * mass) / total));
  }
  return mixture;
}

/** Return the first index whose running mass exceeds u of the whole; never one of mass 0. */
export function draw(masses, u) {
  const bound = u * sum(masses), at = runningSums(masses).findIndex((mass) => mass > bound);
  return at >= 0 ? at : masses.findLastIndex((mass) => mass > 0);
}

/** Return the tokens of draws `first` up to `last`. */
export function sample(logits, steps, seed, first, last, step = 0) {
  const chances = chancesOf(steps), ends = steps.at(-1), known = new Map();
  const once = (coins, make) => {
    const key = coins.join();
    if (!known.has(key)) known.set(key, make());
    return known.get(key);
  };
  const noisy = (coins, j) => byNoise(once(coins, () => stages(logits, steps, coins).at(-1)), keyOf(seed, GUMBEL, j), step);
  if (ends?.name === "gumbel" && ends.fields.draws === "distinct") {
    const found = noisy(chances.map(() => 0), 0);
    return range(last - first).map((j) => found[first + j] ?? -1);
  }
  return range(last - first).map((i) => {
    const j = first + i;
    const coins = chances.map((chance, k) => (uniform(keyOf(seed, COIN, k), step, j) < chance ? 0 : 1));
    if (ends?.name === "gumbel") return noisy(coins, j)[0];
    return draw(once(coins, () => massesOf(logits, steps, coins)), uniform(seed, step, j));
  });
}

function byNoise({ tokens, now }, key, step) {
  const noise = tokens.map((token, i) => now[i] - Math.log(-Math.log(uniform(key, step, token))));
  return range(tokens.length).sort((i, j) => noise[j] - noise[i] || tokens[i] - tokens[j]).map((i) => tokens[i]);
}
