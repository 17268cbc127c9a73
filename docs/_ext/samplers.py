"""A page for each sampler and edit, from the registry: its figure, its parameters with their ranges, its docstring."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from fastsoftmax.samplers import EDITS, SAMPLERS
from fastsoftmax.samplers.step import (
    AFTER,
    COUNT,
    EDIT,
    GUMBEL,
    LEAST,
    LOOK,
    MASS,
    NEAREST,
    REWEIGH,
    SCALE,
    Step,
)

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "generated" / "samplers"
KINDS = {
    COUNT: "A filter. It keeps the first so many tokens of the order.",
    MASS: "A filter. It keeps the beginning of the order that reaches a share of the mass.",
    LEAST: "A filter. It keeps the beginning of the order that is likely enough.",
    NEAREST: "A filter. It keeps a band of the order, which may begin after the most likely token.",
    AFTER: "A filter. It drops tokens from the front of the order.",
    LOOK: "A filter. It goes along the sorted tokens, and keeps those before a place that it finds.",
    SCALE: "A scale. It changes the weights and keeps their order.",
    REWEIGH: "It changes the order of the tokens.",
    GUMBEL: "It draws the token.",
    EDIT: "An edit. It changes a few logits for what came before, so that it comes first and needs a state.",
}
GUIDES = {True: "[Decoding](../../decoding.md)", False: "[Sampling](../../sampling.md)"}


def setup(app: Any) -> dict[str, bool]:
    """Write the pages."""
    FOLDER.mkdir(parents=True)  # `links` has emptied the folder above
    for kind in (*SAMPLERS, *EDITS):
        (FOLDER / f"{kind.name}.md").write_text(page(kind), encoding="utf-8")
    (FOLDER / "index.md").write_text(index(), encoding="utf-8")
    return {"parallel_read_safe": True}


def page(kind: type[Step]) -> str:
    """Return the page of a sampler."""
    parts = [f"# {kind.name}", KINDS[kind.way]]
    if kind.followers is not None:
        followers = [f"`{other.name}`" for other in SAMPLERS if other.way in kind.followers]
        parts[-1] += f" Only {' or '.join(followers)} may follow it." if followers else " Nothing may follow it."
    figure = DOCS / "samplers" / f"{kind.name}.svg"
    if figure.is_file():
        parts.append(f"![What {kind.name} does to one row of twelve tokens](../../samplers/{figure.name})")
    lines = [f"| `{one.name}` | {_values(one)} | {_default(one)} |" for one in fields(kind)]
    if lines:
        parts += ["## Ranges", "\n".join(["| parameter | values | default |", "| --- | --- | --- |", *lines])]
    parts += ["## In Python", f"```{{eval-rst}}\n.. autoclass:: fastsoftmax.samplers.{kind.__name__}\n```"]
    parts.append(f"{GUIDES[kind in EDITS]} shows how to put samplers together.")
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """Return the page that lists them."""
    parts = ["# Samplers", "Each sampler has a page, which is made from its file."]
    for title, kinds in (("Filters, scales and draws", SAMPLERS), ("Edits for what came before", EDITS)):
        lines = [f"| [`{kind.name}`]({kind.name}.md) | {_first(kind)} |" for kind in kinds]
        parts += [f"## {title}", "\n".join(["| sampler | what it does |", "| --- | --- |", *lines])]
        parts.append("\n".join(["```{toctree}", ":hidden:", "", *(kind.name for kind in kinds), "```"]))
    return "\n\n".join(parts) + "\n"


def _first(kind: type[Step]) -> str:
    """Return the first sentence of a docstring, as Markdown without marks."""
    return (kind.__doc__ or "").partition("\n\n")[0].translate({ord(mark): f"\\{mark}" for mark in "*|<_"})


def _values(one: Any) -> str:
    if "words" in one.metadata:
        return " or ".join(f"`{word}`" for word in one.metadata["words"])
    if "range" in one.metadata:
        return f"{one.metadata['range'].expected}, or one for each row"
    return "tokens, or sequences of them" if "sequences" in one.metadata else "numbers"


def _default(one: Any) -> str:
    return "" if one.default is MISSING else f"`{one.default}`"
