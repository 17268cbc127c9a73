// The page: three tabs over one state, which the address has.

import { html, render, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { chainOf, read, written } from "./address.js";
import { Model } from "./model.js";
import { Softmax } from "./softmax.js";
import { Walks } from "./walks.js";

const TABS = { softmax: ["Softmax", Softmax], model: ["A language model", Model], chain: ["A Markov chain", Walks] };

function App() {
  const [state, setState] = useState(() => read(location.hash.slice(1))), [link, setLink] = useState("");
  const own = useRef("");
  useEffect(() => {
    const clock = setTimeout(() => {
      own.current = written(state);
      history.replaceState(null, "", `#${own.current}`);
    }, 150); // a sweep would write too often
    return () => clearTimeout(clock);
  }, [state]);
  useEffect(() => {
    const follow = () => { if (location.hash.slice(1) !== own.current) setState(read(location.hash.slice(1))); };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const change = (part) => { setLink(""); setState((old) => ({ ...old, ...part })); };
  const tab = state.tab in TABS ? state.tab : "softmax", Tab = TABS[tab][1];
  const share = async () => {
    const address = `${location.href.split("#")[0]}#${written(state)}`;
    history.replaceState(null, "", address);
    try { await navigator.clipboard.writeText(address); setLink("The link is copied."); } catch { setLink("The link is in the address bar."); }
  };
  const step = (event) => {
    const names = Object.keys(TABS), move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = names[(names.indexOf(tab) + move + names.length) % names.length];
    change({ tab: next });
    document.getElementById(`tab-${next}`).focus();
  };
  return html`
    <header><h1>Temperature, seen</h1>
      <p>How a row of logits becomes a token. The computations are those of <code>fastsoftmax</code>'s plain-Python reference.</p></header>
    <div role="tablist" aria-label="Views" onKeyDown=${step}>
      ${Object.entries(TABS).map(([name, [title]]) => html`<button type="button" role="tab" id=${`tab-${name}`} aria-selected=${name === tab}
        aria-controls="panel" tabindex=${name === tab ? 0 : -1} onClick=${() => change({ tab: name })}>${title}</button>`)}
    </div>
    <main id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}><${Tab} state=${state} change=${change} /></main>
    <footer><button type="button" onClick=${share}>Copy a link to this</button><span role="status">${link}</span>
      ${tab !== "chain" && html`<code>samplers="${chainOf(state)}"</code>`}</footer>`;
}

render(html`<${App} />`, document.getElementById("app"));
