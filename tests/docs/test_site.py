"""The documentation site builds without a warning, its links lead somewhere, and it asks no other host for anything."""

import importlib.util
import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

import fastsoftmax
from fastsoftmax import plot
from fastsoftmax.samplers import EDITS, SAMPLERS

ROOT = Path(__file__).parents[2]
NEEDS = ("sphinx", "numpydoc", "myst_nb", "pydata_sphinx_theme")
MISSING = [name for name in NEEDS if importlib.util.find_spec(name) is None]
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data")}
NO_LOAD = ("canonical", "next", "prev", "search", "index", "author", "help")  # links of a page's head, for readers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: the extra docs"),
]


class Page(HTMLParser):
    """The anchors of a page, what it loads, and where its links go."""

    def __init__(self, file):
        """Read a file."""
        super().__init__()
        self.anchors, self.loads, self.links = {"", "top"}, [], []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note the attributes of a tag."""
        given = dict(attrs)
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        for name, value in attrs:
            if name in ("href", "src", "data") and value:
                loaded = (tag, name) in LOADED and not {*given.get("rel", "").split()} & {*NO_LOAD}
                (self.loads if loaded else self.links).append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    # A build writes into docs/generated, so that each test process has a tree of its own.
    folder = tmp_path_factory.mktemp("site")
    root = folder / "root"
    root.mkdir()
    for part in ROOT.iterdir():
        if part.name != "docs":
            (root / part.name).symlink_to(part)
    shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns("generated"))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    command += ["-d", str(folder / "doctrees"), str(root / "docs"), str(folder / "html")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    return {file.relative_to(site).as_posix(): Page(file) for file in files}


def test_every_link_leads_somewhere(site, pages):
    lost = []
    for name, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = os.path.normpath((site / name).parent / unquote(parts.path)) if parts.path else site / name
            target = Path(path).relative_to(site).as_posix()
            anchors = pages[target].anchors if target in pages else {""}
            if not Path(path).is_file() or unquote(parts.fragment) not in anchors:
                lost.append((name, link))
    assert lost == []


def test_no_page_loads_anything_from_another_host(pages):
    loads = {link for page in pages.values() for link in page.loads}
    assert len(loads) > 10
    assert [link for link in loads if urlsplit(link).netloc or urlsplit(link).scheme not in ("", "data")] == []


def test_style_sheets_and_scripts_load_nothing_from_another_host(site):
    """The libraries of the theme name addresses in their notices: what is looked for is what loads."""
    for file in site.rglob("*.css"):
        text = file.read_text(encoding="utf-8")
        assert not any(f"{word}http" in text.replace('"', "").replace("'", "") for word in ("url(", "@import "))


def test_each_public_name_has_a_page(site, pages):
    names = [*fastsoftmax.__all__, *(f"plot.{name}" for name in plot.__all__)]
    for name in names:
        assert f"fastsoftmax.{name}" in pages[f"generated/api/fastsoftmax.{name}.html"].anchors


@pytest.mark.parametrize("kind", [*SAMPLERS, *EDITS], ids=lambda kind: kind.name)
def test_each_sampler_has_a_page(site, pages, kind):
    name = f"generated/samplers/{kind.name}.html"
    assert f"fastsoftmax.samplers.{kind.__name__}" in pages[name].anchors
    figure = f"{kind.name}.svg"
    shown = any(Path(load).name == figure for load in pages[name].loads)
    assert shown == (ROOT / "docs" / "samplers" / figure).is_file()


def test_no_page_escapes_the_toctrees():
    """Sphinx warns of a page that is in none, unless the page says that it is an orphan."""
    assert [file.name for file in (ROOT / "docs").rglob("*.md") if "orphan: " in file.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("base", "shown"),
    [("", "the code"), ("https://example.org/tree", "[the code](https://example.org/tree/reference)")],
)
def test_a_link_to_what_has_no_page(base, shown):
    spec = importlib.util.spec_from_file_location("links", ROOT / "docs" / "_ext" / "links.py")
    links = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(links)
    app = SimpleNamespace(config=SimpleNamespace(repository=base))
    page = ["[the code](../reference) and [`top_k`](samplers/top_k.svg), [lost](lost.md), ![a](plots.png)"]
    links.rewrite(app, "sampling", page)
    assert page == [f"{shown} and [`top_k`](generated/samplers/top_k.md), [lost](lost.md), ![a](plots.png)"]
    page = ["[sampling](docs/sampling.md#the-zoo), [security](SECURITY.md)"]
    links.rewrite(app, "generated/contributing", page)
    assert page == ["[sampling](../sampling.md#the-zoo), [security](security.md)"]
