// The controls that all of a distribution's views share: temperature or beta, top-k, top-p, min-p, or a chain; a seed.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { parse } from "../maths/chain.js";
import { Slider, Field, numberIn, digits } from "./parts.js";

const rounded = (x) => (x === Infinity ? x : Number(x.toPrecision(3)));
// From 0 to infinity, with 1 in the middle.
const heat = { toPlace: (T) => (T === Infinity ? 1 : T / (1 + T)), fromPlace: (s) => (s === 1 ? Infinity : rounded(s / (1 - s))) };
const even = { toPlace: (x) => x, fromPlace: (s) => rounded(s) };

export function Controls({ state, change, count }) {
  const [beta, setBeta] = useState(false);
  const off = state.chain.trim() !== "";
  const counted = { toPlace: (k) => Math.min(k / count, 1), fromPlace: (s) => Math.round(s * count) };
  const inverse = (x) => (x === 0 ? Infinity : x === Infinity ? 0 : rounded(1 / x));
  return html`<section class="controls" aria-label="Controls">
    ${beta
      ? html`<${Slider} key="beta" label="beta = 1/T" title="0 makes all equal, 1 changes nothing" value=${inverse(state.T)} ...${heat}
          read=${numberIn(0, Infinity)} onValue=${(b) => change({ T: inverse(b) })} disabled=${off} />`
      : html`<${Slider} key="T" label="Temperature T" title="0 keeps the likeliest alone, 1 changes nothing, infinity makes all equal"
          value=${state.T} ...${heat} read=${numberIn(0, Infinity)} onValue=${(T) => change({ T })} disabled=${off} />`}
    <div class="row">
      <button type="button" aria-pressed=${beta} onClick=${() => setBeta(!beta)} disabled=${off}>β instead of T</button>
      <${Sweep} state=${state} change=${change} disabled=${off} />
    </div>
    <${Slider} label="top-k" title="Keep the k likeliest; 0 is off" value=${state.k} ...${counted}
      read=${numberIn(0, Infinity, true)} onValue=${(k) => change({ k })} disabled=${off} />
    <${Slider} label="top-p" title="Keep the likeliest, in order, until they have a share p of the probability; 1 is off" value=${state.p} ...${even}
      read=${numberIn(0, 1)} onValue=${(p) => change({ p })} disabled=${off} />
    <${Slider} label="min-p" title="Keep what is at least p times as likely as the likeliest; 0 is off" value=${state.m}
      ...${even} read=${numberIn(0, 1)} onValue=${(m) => change({ m })} disabled=${off} />
    <${Field} label="or a chain of samplers" value=${state.chain} read=${readChain} onValue=${(chain) => change({ chain })}
      placeholder="typical=0.9 temperature=0.7" spellcheck="false" />
    <button type="button" onClick=${() => change({ T: 1, k: 0, p: 1, m: 0, chain: "" })}>Reset the samplers</button>
  </section>`;
}

function readChain(text) {
  try {
    parse(text);
    return { value: text };
  } catch (error) {
    return { error: error.message };
  }
}

/** A button that moves the temperature up and down; with reduced motion in a few still steps. */
function Sweep({ state, change, disabled }) {
  const [on, setOn] = useState(false), latest = useRef(change);
  latest.current = change;
  useEffect(() => {
    if (!on) return undefined;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches, begun = performance.now();
    const place = () => (performance.now() - begun) / 10000;
    const move = () => {
      const s = place();
      if (s >= 1) { setOn(false); latest.current({ T: 1 }); return; }
      latest.current({ T: rounded(heat.fromPlace(0.5 - 0.42 * Math.sin(2 * Math.PI * s))) });
      if (!still) frame = requestAnimationFrame(move);
    };
    let frame = still ? 0 : requestAnimationFrame(move);
    const clock = still ? setInterval(move, 1500) : 0;
    return () => { cancelAnimationFrame(frame); clearInterval(clock); };
  }, [on]);
  return html`<button type="button" aria-pressed=${on} onClick=${() => setOn(!on)} disabled=${disabled}>
    ${on ? "Stop" : "Sweep T"}</button><output class="unseen">${on ? digits(state.T) : ""}</output>`;
}
