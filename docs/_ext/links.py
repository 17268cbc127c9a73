"""What lies outside of docs: copies of what has a page, and where links to the rest go.

Pages are written for readers of the repository, where each link is a path. Sphinx reads nothing outside of its folder,
so the changelog, the notebooks and the like are copied into `generated/` before each build, and links go to the copies.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "generated"

# The page of each file or folder that lies outside of docs, or is a figure with a page of its own.
PAGES = {ROOT / "README.md": "index", ROOT / "examples" / "notebooks": "gallery"}
COPIED = [*(ROOT / f"{name}.md" for name in ("ARCHITECTURE", "CHANGELOG", "CONTRIBUTING", "SECURITY"))]
COPIED += sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
PAGES |= {file: f"generated/{file.stem.lower()}" for file in COPIED}
ORIGINS = {PAGES[file]: file for file in COPIED}

LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?![a-z]+:|#)([^()#\s]+)(#[^()\s]*)?\)")
PICTURE = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)


def setup(app: Any) -> dict[str, bool]:
    """Copy, and have links rewritten whenever a page is read."""
    app.add_config_value("repository", "", "env")
    shutil.rmtree(GENERATED, ignore_errors=True)  # so that no page is left of what went
    GENERATED.mkdir()
    for file in COPIED:
        shutil.copy2(file, GENERATED / f"{file.stem.lower()}{file.suffix}")
    shutil.copytree(ROOT / "fastsoftmax" / "explore" / "page", GENERATED / "live" / "page")  # html_extra_path
    app.connect("source-read", rewrite)
    return {"parallel_read_safe": True}


def rewrite(app: Any, docname: str, content: list[str]) -> None:
    """Rewrite a page: links to what has no page here, and pictures that only a script could draw."""
    origin = ORIGINS.get(docname, DOCS / f"{docname}.md")
    here = (DOCS / docname).parent

    def link(match: re.Match[str]) -> str:
        text, path, anchor = match[1], Path(os.path.normpath(origin.parent / match[2])), match[3] or ""
        page = _page(path)
        if page is not None:
            return f"[{text}]({os.path.relpath(page, here)}{anchor})"
        if not path.exists() or path.is_relative_to(DOCS):
            return match[0]  # one within docs, or a mistake, which Sphinx refuses
        base = app.config.repository
        return f"[{text}]({base}/{path.relative_to(ROOT)}{anchor})" if base else text

    content[0] = PICTURE.sub(_imports, LINK.sub(link, content[0]))


def _page(path: Path) -> Path | None:
    """Return the page of a path; None if it has none."""
    if path.is_relative_to(DOCS) and path.suffix == ".md":
        return path
    if path.parent == DOCS / "samplers":  # in the repository the figure is all there is of a sampler
        return GENERATED / "samplers" / f"{path.stem}.md"
    if path not in PAGES:
        return None
    return DOCS / f"{PAGES[path]}{path.suffix or '.md'}"


def _imports(match: re.Match[str]) -> str:
    """Return a picture of arrows as lines of text: what draws mermaid is a script of 3 MB."""
    targets: dict[str, list[str]] = {}
    for source, target in re.findall(r"(\w+) --> (\w+)", match[1]):
        targets.setdefault(source, []).append(target)
    width = max(map(len, targets))
    return "\n".join(["```text", *(f"{one:{width}} --> {', '.join(ends)}" for one, ends in targets.items()), "```"])
