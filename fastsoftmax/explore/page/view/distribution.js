// A distribution before and after the samplers: a table with bars, why tokens went, the sums, and draws that pile up.

import { html, useEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { parse, probabilities, sample, stages } from "../maths/chain.js";
import { Bar, Field, digits, numberIn, percent } from "./parts.js";

/** Return all that the views of a row show, or the Error that says why there is nothing. */
export function useRow(logits, chain) {
  return useMemo(() => {
    try {
      const steps = parse(chain), found = stages(logits, steps), why = new Map();
      for (const { name, gone, why: reason } of found) for (const token of gone) why.set(token, { name, reason });
      const heated = probabilities(logits, steps.filter(({ name }) => name === "temperature"));
      return { logits, steps, before: probabilities(logits, []), heated, after: probabilities(logits, steps), why };
    } catch (error) {
      return { error };
    }
  }, [JSON.stringify(logits), chain]);
}

/** The table: `edit` makes the cells of a row's token and logit; `order` says which rows are shown. */
export function Distribution({ row, T, order, names, edit, counts, total, more }) {
  const scaled = (z) => (T === 0 ? "" : T === Infinity ? "0" : digits(z / T));
  return html`<section aria-label="Distribution">
    <div class="scroll"><table class="distribution">
      <caption class="unseen">Tokens, their logits, and their probabilities before and after the samplers</caption>
      <thead><tr><th scope="col">token</th><th scope="col">logit</th>
        ${T !== null && html`<th scope="col">adjusted logit<br /><small>logit / T</small></th>`}
        <th scope="col">probability<br /><small>T = 1</small></th>
        ${T !== null && html`<th scope="col">probability<br /><small>T = ${digits(T)}</small></th>`}
        <th scope="col">after ${T === null ? "the chain" : "filters"}</th>
        <td class="wide"></td></tr></thead>
      <tbody>${order.map((i) => html`<tr key=${i} class=${row.after[i] === 0 ? "gone" : ""}>
        ${edit ? edit(i) : html`<th scope="row" dir="auto">${names[i]}</th><td data-label="logit">${digits(row.logits[i])}</td>`}
        ${T !== null && html`<td data-label="logit / T">${scaled(row.logits[i])}</td>`}
        <td data-label="T = 1">${percent(row.before[i])}</td>
        ${T !== null && html`<td data-label="at T" class="heated">${percent(row.heated[i])}</td>`}
        <td data-label="after" class="strong">${percent(row.after[i])}</td>
        <td class="wide">
          <${Bar} share=${row.after[i]} before=${row.before[i]} />
          ${total > 0 && html`<span class="drawn"><span class="mark" style=${`left: ${(100 * counts[i]) / total}%`} aria-hidden="true"></span>
            ${counts[i].toLocaleString("en")}</span>`}
          ${row.why.has(i) && html`<span class="why">cut by ${row.why.get(i).name.replaceAll("_", "-")}: ${row.why.get(i).reason}</span>`}
        </td></tr>`)}</tbody>
    </table></div>
    <p class="note"><span class="key before"></span> at T = 1 <span class="key after"></span> after temperature and filters
      ${total > 0 && html` <span class="key mark"></span> drawn, of ${total.toLocaleString("en")}`}</p>
    ${T !== null && row.why.size > 0 && html`<p class="note">First the temperature, then the filters: what they keep has
      ${" "}${percent(row.heated.reduce((sum, p, i) => sum + (row.after[i] > 0 ? p : 0), 0))} of the probability at T = ${digits(T)}, and
      is divided by this.</p>`}
    ${more && html`<p class="note">${more}</p>`}
  </section>`;
}

/** Draws that pile up: buttons, a seed, and how often each token came. */
export function useDraws(row, seed) {
  const [count, setCount] = useState(0), key = JSON.stringify([row.logits, row.steps, seed]);
  useEffect(() => setCount(0), [key]);
  const counts = useMemo(() => {
    const found = (row.logits ?? []).map(() => 0);
    if (!row.error && count > 0) for (const token of sample(row.logits, row.steps, seed, 0, count)) if (token >= 0) found[token]++;
    return found;
  }, [key, count]);
  return { count, counts, draw: (n) => setCount(Math.min(count + n, 100000)), clear: () => setCount(0) };
}

export function Draws({ draws, seed, change, last }) {
  return html`<section aria-label="Draws" class="draws">
    <h2>Draw tokens</h2>
    <div class="row">
      ${[1, 10, 100, 1000].map((n) => html`<button type="button" onClick=${() => draws.draw(n)}>Draw ${n.toLocaleString("en")}</button>`)}
      <button type="button" onClick=${draws.clear}>Clear</button>
      <${Field} label="seed" value=${seed} read=${numberIn(0, 2 ** 53 - 1, true)} onValue=${(value) => change({ seed: value })} inputmode="numeric" />
    </div>
    <p aria-live="polite">${draws.count === 0 ? "None yet. The same seed draws the same tokens, here and in Python." : last}</p>
  </section>`;
}

/** The sums written out, as in a worked exercise. */
export function Sums({ row, T, names }) {
  const finite = T > 0 && T < Infinity && row.logits.every(Number.isFinite) && row.logits.length <= 12;
  if (!finite) return null;
  const powers = row.logits.map((z) => Math.exp(z / T)), total = powers.reduce((a, b) => a + b, 0);
  const first = row.logits.indexOf(Math.max(...row.logits));
  const exponent = (z) => (T === 1 ? digits(z) : `${digits(z)} / ${digits(T)}`);
  return html`<section aria-label="The sums">
    <h2>The sums</h2>
    <p class="sums">Σ e<sup>logit/T</sup> = ${row.logits.map((z, i) => html`${i > 0 ? " + " : ""}e<sup>${exponent(z)}</sup>`)}
      <br />= ${powers.map((x) => x.toPrecision(6)).join(" + ")}
      <br />= <strong>${total.toPrecision(11)}</strong></p>
    <p class="sums">p(<bdi>${names[first]}</bdi>) = e<sup>${exponent(row.logits[first])}</sup> / Σ = ${powers[first].toPrecision(6)} / ${total.toPrecision(6)}${" = "}<strong>${(powers[first] / total).toFixed(6)}</strong> before the filters</p>
  </section>`;
}
