// The tab "a Markov chain": a text, three walks side by side, and the row of the word that is clicked.

import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { fit, following, walk } from "../maths/markov.js";
import { START } from "./address.js";
import { Bar, Field, direction, numberIn, pasting, percent } from "./parts.js";

const TEMPERATURES = [0.1, 0.5, 1], LINES = [0, 1, 2, 3, 4], LENGTH = 40, MOST = 5e6, SHOWN = 15;
const LARGE = 1e5; // characters from which a browser takes minutes to lay out a text field: a beginning is shown then

export function Walks({ state, change }) {
  const [picked, setPicked] = useState(null), [draft, setDraft] = useState(state.text);
  const error = wrong(draft);
  const chain = useMemo(() => (wrong(state.text) ? null : fit(state.text, state.order)), [state.text, state.order]);
  const walks = useMemo(() => chain && TEMPERATURES.map((t) => LINES.map((w) => walk(chain, LENGTH, t, state.seed, w))), [chain, state.seed]);
  const take = (text) => {
    setDraft(text);
    setPicked(null);
    if (!wrong(text)) change({ text });
  };
  const open = async (event) => { if (event.target.files.length) take(await event.target.files[0].text()); };
  const large = draft.length >= LARGE;
  const states = chain ? chain.rows.size : 0;
  return html`<div class="columns">
    <section class="controls" aria-label="Controls">
      <label for="text">A text; each line is a sequence</label>
      <textarea id="text" rows="10" dir=${direction(draft)} value=${large ? `${draft.slice(0, 2000)} …` : draft} readonly=${large} onPaste=${pasting(take, LARGE)}
        onInput=${(event) => take(event.target.value)} aria-invalid=${error ? "true" : "false"} aria-describedby="text-error"></textarea>
      <p class="error" id="text-error" role="alert">${error}</p>
      ${large && html`<p class="note">${draft.length.toLocaleString("en")} characters are kept, the first 2,000 are shown.</p>
        <button type="button" onClick=${() => take(START.text)}>Back to the first text</button>`}
      <label for="file">or a text file</label>
      <input id="file" type="file" accept="text/*,.txt,.md,.csv" onChange=${open} />
      <${Field} label="order: words a state has" value=${state.order} read=${numberIn(1, 5, true)} inputmode="numeric"
        onValue=${(order) => { setPicked(null); change({ order }); }} />
      <${Field} label="seed" value=${state.seed} read=${numberIn(0, 2 ** 53 - 1, true)} onValue=${(seed) => change({ seed })} inputmode="numeric" />
      <button type="button" onClick=${() => change({ seed: (state.seed + 1) % (2 ** 53 - 1) })}>Another seed</button>
    </section>
    <div class="main">
      ${chain && html`<p>${chain.words.length.toLocaleString("en")} words, ${states.toLocaleString("en")} states. Five lines at each temperature. Click a word: what was it drawn from?</p>
      <div class="walks">${walks.map((found, i) => html`<section aria-label=${`Walk at T = ${TEMPERATURES[i]}`}>
        <h2>T = ${TEMPERATURES[i]}</h2>
        ${found.map((line, w) => html`<p dir="auto">${line.map((step, t) => html`<button type="button" class="word"
          aria-pressed=${picked?.at === `${i}.${w}.${t}`} onClick=${() => setPicked({ at: `${i}.${w}.${t}`, step })}>${step.word}</button> `)}
          ${line.length === LENGTH && "…"}</p>`)}
      </section>`)}</div>
      ${picked && html`<${Row} chain=${chain} step=${picked.step} />`}`}
    </div></div>`;
}

function wrong(text) {
  if (!text.trim()) return "The text is empty: expected a line with a word at least.";
  return text.length > MOST ? `The text has ${text.length.toLocaleString("en")} characters, expected at most ${MOST.toLocaleString("en")}.` : "";
}

/** What could have followed where a word was drawn, at each temperature. */
function Row({ chain, step }) {
  const found = following(chain, step.state, TEMPERATURES);
  const before = step.state.map((id) => (id < 0 ? "the beginning" : `“${chain.words[id]}”`)).join(" ");
  return html`<section aria-label="Row" aria-live="polite">
    <h2>After <bdi>${before}</bdi></h2>
    <div class="scroll"><table class="distribution">
      <thead><tr><th scope="col">next word</th><th scope="col">seen</th>${TEMPERATURES.map((t) => html`<th scope="col" class="wide">T = ${t}</th>`)}</tr></thead>
      <tbody>${found.slice(0, SHOWN).map(({ word, count, shares }) => html`<tr class=${word === step.word ? "picked" : ""}>
        <th scope="row" dir="auto">${word ?? "(end)"}</th><td>${count}</td>
        ${shares.map((p) => html`<td class="wide"><${Bar} share=${p} before=${0} />${percent(p)}</td>`)}</tr>`)}</tbody>
    </table></div>
    ${found.length > SHOWN && html`<p class="note">${found.length - SHOWN} more.</p>`}
  </section>`;
}
