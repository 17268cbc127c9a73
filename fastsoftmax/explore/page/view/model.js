// The tab "a language model": recorded logits of a small one for some prompts, and what it wrote at some temperatures.

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { order } from "../maths/chain.js";
import { chainOf } from "./address.js";
import { Controls } from "./controls.js";
import { Distribution, Draws, useDraws, useRow } from "./distribution.js";

const SHOWN = 20;

export function Model(props) {
  const [page, setPage] = useState(null), [error, setError] = useState("");
  useEffect(() => {
    fetch(new URL("../data/smollm2.json", import.meta.url)).then((answer) => answer.json()).then(setPage, (e) => setError(e.message));
  }, []);
  if (error) return html`<p class="error" role="alert">The recording did not load: ${error}</p>`;
  return page ? html`<${Recorded} page=${page} ...${props} />` : html`<p>Loading the recording…</p>`;
}

const visible = (token) => token.replaceAll("\n", "⏎").replace(/^ /, "␣") || "∅";

function Recorded({ page, state, change }) {
  const at = Math.min(Math.max(Math.trunc(state.prompt), 0), page.prompts.length - 1), chosen = page.prompts[at];
  const names = chosen.tokens.map(visible), row = useRow(chosen.logits, chainOf(state)), draws = useDraws(row, state.seed);
  const T = state.chain.trim() ? null : state.T;
  const most = row.error ? 0 : draws.counts.indexOf(Math.max(...draws.counts));
  return html`<div class="columns">
    <${Controls} state=${state} change=${change} count=${names.length} />
    <div class="main">
      <label for="prompt">Prompt</label>
      <select id="prompt" value=${String(at)} onChange=${(event) => change({ prompt: Number(event.target.value) })}>
        ${page.prompts.map(({ prompt }, i) => html`<option value=${String(i)}>${prompt} …</option>`)}
      </select>
      <p>What follows “${chosen.prompt}”? The ${names.length} likeliest of the ${page.vocabulary.toLocaleString("en")} tokens of
        ${" "}${page.model}, recorded; they have ${(100 * chosen.share).toFixed(1)} % of the probability at T = 1, and count for all here.</p>
      ${row.error ? html`<p class="error" role="alert">${row.error.message}</p>` : html`
        <${Distribution} row=${row} T=${T} order=${order(row.after).slice(0, SHOWN)} names=${names} counts=${draws.counts} total=${draws.count}
          more=${`${row.after.filter((p) => p > 0).length} of ${names.length} tokens can be drawn; the likeliest ${SHOWN} are shown. ␣ is a space.`} />
        <${Draws} draws=${draws} seed=${state.seed} change=${change}
          last=${html`${draws.count.toLocaleString("en")} drawn; “${names[most]}” came most often, ${draws.counts[most]?.toLocaleString("en")} times.`} />`}
      <section aria-label="Continuations">
        <h2>“${page.story.prompt} …” at five temperatures</h2>
        <p class="note">Written by the same model, token by token, with the seed ${page.story.seed}. A model this small invents: these are no facts.</p>
        <dl class="stories">${page.story.temperatures.map((t, i) => html`<div><dt>T = ${t}</dt><dd>${page.story.texts[i]}</dd></div>`)}</dl>
      </section>
    </div></div>`;
}
