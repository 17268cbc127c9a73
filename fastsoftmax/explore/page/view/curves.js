// The curves e^x and e^(x/T), with the logits on them.

import { html, useEffect, useRef } from "../vendor/preact-htm.js";
import { digits } from "./parts.js";

const POINTS = 200;

function dataOf(logits, T) {
  const low = Math.min(...logits, 0) - 0.5, high = Math.max(...logits) + 0.5;
  const at = (z) => Math.exp(T === 0 ? (z > 0 ? Infinity : z < 0 ? -Infinity : 0) : z / T);
  const grid = Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));
  const xs = [...new Set([...grid, ...logits])].sort((a, b) => a - b), own = new Set(logits);
  const top = 1.2 * Math.exp(high), shown = (y) => (y <= top ? y : null);
  return [
    xs,
    xs.map((x) => Math.exp(x)),
    xs.map((x) => shown(at(x))),
    xs.map((x) => (own.has(x) ? Math.exp(x) : null)),
    xs.map((x) => (own.has(x) ? shown(at(x)) : null)),
  ];
}

export function Curves({ logits, T }) {
  const place = useRef(null), plot = useRef(null);
  const finite = logits.filter(Number.isFinite);
  const drawn = finite.length > 0 && Math.max(...finite) - Math.min(...finite) <= 40;
  useEffect(() => {
    if (!drawn) return undefined;
    const colour = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const line = (label, stroke) => ({ label, stroke: colour(stroke), width: 2, points: { show: false } });
    const dots = (stroke) => ({ stroke: colour(stroke), width: 0, points: { show: true, size: 8, fill: colour(stroke) } });
    const axis = (label) => ({ label, stroke: colour("--ink"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule") } });
    const options = {
      width: place.current.clientWidth, height: 240, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false } }, axes: [axis("logit x"), axis("")],
      series: [{}, line("e^x", "--before"), line("e^(x/T)", "--after"), dots("--before"), dots("--after")],
    };
    plot.current = new window.uPlot(options, dataOf(finite, T), place.current);
    const sized = new ResizeObserver(() => plot.current.setSize({ width: place.current.clientWidth, height: 240 }));
    sized.observe(place.current);
    const theme = matchMedia("(prefers-color-scheme: dark)"), redraw = () => plot.current.redraw();
    theme.addEventListener("change", redraw);
    return () => { theme.removeEventListener("change", redraw); sized.disconnect(); plot.current.destroy(); plot.current = null; };
  }, [drawn]);
  useEffect(() => { plot.current?.setData(dataOf(finite, T)); });
  const told = `Two curves over the logits from ${digits(Math.min(...finite))} to ${digits(Math.max(...finite))}.`;
  return html`<section aria-label="Curves">
    <h2>e<sup>x</sup> <span class="key before"></span> and e<sup>x/T</sup> <span class="key after"></span></h2>
    ${drawn ? html`<div ref=${place} class="curves" role="img" aria-label=${told}></div>`
      : html`<p>The logits are too far apart for a picture of e<sup>x</sup>.</p>`}
  </section>`;
}
