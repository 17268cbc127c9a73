// Small parts of the page: numbers as text, a field with a message, a slider, a bar.

import { html, useEffect, useState } from "../vendor/preact-htm.js";

export const percent = (p) => (p === 0 ? "0 %" : p < 0.0005 ? "< 0.1 %" : `${(100 * p).toFixed(1)} %`);
export const digits = (x) => (x === Infinity ? "∞" : x === -Infinity ? "−∞" : Number(x.toPrecision(5)).toString());

/** Return the direction of a text by its first letter; a browser's own `auto` takes minutes for a long one. */
export const direction = (text) => (/^\P{L}*[\u0590-\u08ff\ufb1d-\ufefc]/u.test(text.slice(0, 1000)) ? "rtl" : "ltr");

/** Return a handler of pasted texts that takes a long one whole, which a browser would take minutes to insert. */
export const pasting = (take, long) => (event) => {
  const text = event.clipboardData.getData("text");
  if (text.length < long) return;
  event.preventDefault();
  take(text);
};

/** A text field that keeps what is typed, also where it is wrong, and says then what is expected. */
export function Field({ label, value, read, onValue, hidden = false, ...rest }) {
  const [text, setText] = useState(String(value)), [typing, setTyping] = useState(false);
  useEffect(() => { if (!typing) setText(String(value)); }, [value, typing]);
  const { error } = read(text);
  const id = `field-${label.replace(/\W+/g, "-")}`;
  const change = (event) => {
    setText(event.target.value);
    const found = read(event.target.value);
    if (!found.error) onValue(found.value);
  };
  return html`<span class="field">
    <label for=${id} class=${hidden ? "unseen" : ""}>${label}</label>
    <input id=${id} value=${text} onInput=${change} onFocus=${() => setTyping(true)}
      onBlur=${() => setTyping(Boolean(read(text).error))} dir="auto"
      aria-invalid=${error ? "true" : "false"} aria-describedby=${error ? `${id}-error` : null} ...${rest} />
    ${error && html`<span class="error" id=${`${id}-error`} role="alert">${error}</span>`}
  </span>`;
}

/** Return a reader of numbers in a range, for Field. */
export const numberIn = (low, high, whole = false) => (text) => {
  const value = /^\s*(inf|infinity|∞)\s*$/i.test(text) ? Infinity : text.trim() === "" ? NaN : Number(text);
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return { value };
  const kind = whole ? "a whole number" : "a number";
  const wanted = high === Infinity ? `${kind} ≥ ${digits(low)}` : `${kind} from ${digits(low)} to ${digits(high)}`;
  return { error: `“${text.slice(0, 20)}” is not ${wanted}` };
};

/** A slider beside the field of the same number; the slider runs from 0 to 1. */
export function Slider({ label, title, value, toPlace, fromPlace, read, onValue, disabled }) {
  const id = `slider-${label.replace(/\W+/g, "-")}`;
  const slide = (event) => onValue(fromPlace(Number(event.target.value)));
  return html`<div class="slider">
    <${Field} label=${label} value=${value === Infinity ? "inf" : value} read=${read} onValue=${onValue}
      inputmode="decimal" disabled=${disabled} />
    <input id=${id} type="range" min="0" max="1" step="0.001" value=${toPlace(value)} onInput=${slide}
      aria-label=${`${label}, slider`} aria-valuetext=${digits(value)} disabled=${disabled} />
    <small class="note">${title}</small>
  </div>`;
}

/** A bar for a share, with an outline for another one. */
export function Bar({ share, before, cut }) {
  const width = (x) => `width: ${(100 * x).toFixed(3)}%`;
  return html`<span class=${cut ? "bar cut" : "bar"} aria-hidden="true">
    <span class="before" style=${width(before)}></span><span class="after" style=${width(share)}></span>
  </span>`;
}
