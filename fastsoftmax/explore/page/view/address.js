// The state of the page, and the part of its address that has it, so that a link shares it.

export const EXAMPLES = {
  nights: [["nights", 3], ["days", 2], ["hours", 1], ["weeks", 4]],
  "two tokens": [["no", 1], ["yes", 2]],
  "the fox": [["jumps", 1.1], ["runs", 0.5], ["leaps", 0.85], ["walks", 0.97], ["hops", 1.2], ["sleeps", 0.3]],
  Hello: [["again", 0.1], ["all", 0], ["friend", 0.5], ["there", 1], ["world", 4], ["you", 0.6]],
};

// Jane Taylor, "The Star", 1806.
const STAR = `Twinkle, twinkle, little star,
How I wonder what you are!
Up above the world so high,
Like a diamond in the sky.
When the blazing sun is gone,
When he nothing shines upon,
Then you show your little light,
Twinkle, twinkle, all the night.
Then the traveller in the dark
Thanks you for your tiny spark;
He could not see which way to go,
If you did not twinkle so.
In the dark blue sky you keep,
And often through my curtains peep,
For you never shut your eye
Till the sun is in the sky.
As your bright and tiny spark
Lights the traveller in the dark,
Though I know not what you are,
Twinkle, twinkle, little star.`;

export const START = {
  tab: "softmax",
  tokens: EXAMPLES.nights,
  T: 1,
  k: 0,
  p: 1,
  m: 0,
  chain: "", // instead of T, k, p and m, where there is one
  seed: 1,
  prompt: 0,
  text: STAR,
  order: 1,
};

const LONGEST = 2000; // characters of a text that a link carries

/** Return the fragment of the address of a state: what differs from the start. */
export function written(state) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (JSON.stringify(value) === JSON.stringify(START[name])) continue;
    if (name === "tokens") words.set(name, JSON.stringify(value));
    else if (name !== "text" || value.length <= LONGEST) words.set(name, String(value));
  }
  return words.toString();
}

/** Return the state of a fragment; what it does not have, or has wrong, is as at the start. */
export function read(fragment) {
  const state = { ...START };
  for (const [name, value] of new URLSearchParams(fragment)) {
    if (!(name in START)) continue;
    if (name === "tokens") state.tokens = tokensOf(value) ?? START.tokens;
    else if (typeof START[name] === "string") state[name] = value;
    else if (value.trim() !== "" && !Number.isNaN(Number(value))) state[name] = Number(value);
  }
  return state;
}

function tokensOf(text) {
  try {
    const rows = JSON.parse(text);
    const fine = rows.every(([token, z]) => typeof token === "string" && Number.isFinite(z));
    return fine && rows.length ? rows : null;
  } catch {
    return null;
  }
}

/** Return the chain of a state as a string: its own, or that of the sliders. */
export function chainOf({ chain, T, k, p, m }) {
  if (chain.trim()) return chain;
  const words = [`temperature=${T === Infinity ? "inf" : T}`];
  if (k > 0) words.push(`top_k=${k}`);
  if (p < 1) words.push(`top_p=${p}`);
  if (m > 0) words.push(`min_p=${m}`);
  return words.join(" ");
}
