// The tab "softmax": a row of tokens and logits to edit.

import { html, useState } from "../vendor/preact-htm.js";
import { EXAMPLES, chainOf } from "./address.js";
import { Controls } from "./controls.js";
import { Curves } from "./curves.js";
import { Distribution, Draws, Sums, useDraws, useRow } from "./distribution.js";
import { Field, direction, numberIn, pasting } from "./parts.js";

const MOST = 500;

export function Softmax({ state, change }) {
  const { tokens } = state, names = tokens.map(([name]) => name), logits = tokens.map(([, z]) => z);
  const row = useRow(logits, chainOf(state)), draws = useDraws(row, state.seed);
  const T = state.chain.trim() ? null : state.T;
  const put = (i, pair) => change({ tokens: tokens.map((old, j) => (i === j ? pair : old)) });
  const drop = (i) => change({ tokens: tokens.filter((_, j) => j !== i) });
  const edit = (i) => html`
    <th scope="row"><${Field} label=${`token ${i + 1}`} hidden value=${names[i]} read=${(value) => ({ value })}
      onValue=${(name) => put(i, [name, logits[i]])} /></th>
    <td class="number"><${Field} label=${`logit of token ${i + 1}`} hidden value=${logits[i]} read=${numberIn(-1e6, 1e6)} inputmode="decimal"
      onValue=${(z) => put(i, [names[i], z])} />
      <button type="button" class="drop" onClick=${() => drop(i)} disabled=${tokens.length === 1}
        aria-label=${`remove ${names[i] || `token ${i + 1}`}`}>×</button></td>`;
  return html`<div class="columns">
    <${Controls} state=${state} change=${change} count=${tokens.length} />
    <div class="main">
      <div class="row">
        <span>Examples:</span>
        ${Object.entries(EXAMPLES).map(([name, pairs]) => html`<button type="button" onClick=${() => change({ tokens: pairs })}>${name}</button>`)}
      </div>
      ${row.error ? html`<p class="error" role="alert">${row.error.message}</p>`
        : html`<${Distribution} row=${row} T=${T} order=${tokens.map((_, i) => i)} edit=${edit} counts=${draws.counts} total=${draws.count} />`}
      <div class="row">
        <button type="button" disabled=${tokens.length >= MOST} onClick=${() => change({ tokens: [...tokens, ["", 0]] })}>Add a token</button>
      </div>
      <${Paste} tokens=${tokens} change=${change} />
      ${!row.error && html`<${Draws} draws=${draws} seed=${state.seed} change=${change} last=${told(draws, names)} />
        ${T !== null && html`<${Curves} logits=${logits} T=${T} /><${Sums} row=${row} T=${T} names=${names} />`}`}
    </div></div>`;
}

function told({ count, counts }, names) {
  const most = counts.indexOf(Math.max(...counts));
  return html`${count.toLocaleString("en")} drawn; “<bdi>${names[most]}</bdi>” came most often, ${counts[most].toLocaleString("en")} times.`;
}

/** A list of tokens as text, one a line: name and logit. */
function Paste({ tokens, change }) {
  const [text, setText] = useState(null), { value, error } = text === null ? {} : listOf(text);
  const own = tokens.map(([name, z]) => `${name} ${z}`).join("\n");
  return html`<details onToggle=${(event) => setText(event.target.open ? text ?? own : null)}>
    <summary>Edit the list as text</summary>
    <label for="list">A token and its logit a line</label>
    <textarea id="list" rows="6" dir=${direction(text ?? own)} value=${text ?? own} onInput=${(event) => setText(event.target.value)} onPaste=${pasting(setText, 10000)}
      aria-invalid=${error ? "true" : "false"} aria-describedby="list-error"></textarea>
    <p class="error" id="list-error" role="alert">${error}</p>
    <button type="button" disabled=${!value} onClick=${() => change({ tokens: value })}>Use this list</button>
  </details>`;
}

function listOf(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (lines.length === 0) return { error: "The list is empty: expected a token and a number a line." };
  if (lines.length > MOST) return { error: `The list has ${lines.length.toLocaleString("en")} tokens, expected at most ${MOST}.` };
  const value = [];
  for (const [i, line] of lines.entries()) {
    const found = /^(.*?)[\s=:,]*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*$/i.exec(line);
    const z = found ? Number(found[2]) : NaN;
    if (!(Math.abs(z) <= 1e6)) return { error: `Line ${i + 1}, “${line.slice(0, 30)}”, does not end with a number from -1e6 to 1e6.` };
    value.push([found[1].trim(), z]);
  }
  return { value };
}
