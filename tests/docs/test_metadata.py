"""What an index shows of a release: a README without relative links, the URLs, one version everywhere."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import hatch_metadata

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()
HOST = "https://host/owner/name"


def relative(text):
    """Return the targets of links and images, in Markdown or HTML, that are no addresses."""
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|srcset|href)=[\"']([^\"']*)", text)
    return [one for pair in targets for one in pair if one and not one.startswith(("https://", "http://", "#"))]


def test_the_description_has_no_relative_link():
    text = metadata.metadata("fastsoftmax").json["description"]
    assert text.startswith("# fastsoftmax\n")
    assert not relative(text)


@pytest.mark.parametrize("repository", ["", HOST])
def test_nor_has_it_any_at_an_address(repository):
    assert relative(README)
    text = hatch_metadata.linked(README, repository, "v1.2.3")
    assert not relative(text)
    assert (f"]({HOST}/blob/v1.2.3/docs/" in text) == bool(repository)


@pytest.mark.parametrize(
    ("text", "plain", "full"),
    [
        ("see [the law](docs/a.md).", "see the law.", f"see [the law]({HOST}/blob/v1/docs/a.md)."),
        ("![bars](b.png)\n", "\n", f"![bars]({HOST}/raw/v1/b.png)\n"),
        ("[![bars](b.png)](a.md)", "", f"[![bars]({HOST}/raw/v1/b.png)]({HOST}/blob/v1/a.md)"),
        ("[![at](https://x/b.svg)](a.md)", "![at](https://x/b.svg)", f"[![at](https://x/b.svg)]({HOST}/blob/v1/a.md)"),
        ("[there](https://x/) [here](#use)", "[there](https://x/) [here](#use)", "[there](https://x/) [here](#use)"),
    ],
)
def test_links(text, plain, full):
    assert hatch_metadata.linked(text, "", "v1") == plain
    assert hatch_metadata.linked(text, HOST, "v1") == full


def test_urls_come_with_the_address():
    assert hatch_metadata.urls("", "v1") == {}
    urls = hatch_metadata.urls(HOST, "v1")
    assert urls["Source"] == HOST
    assert urls["Changelog"] == f"{HOST}/blob/v1/CHANGELOG.md"
    assert (metadata.metadata("fastsoftmax").get_all("Project-URL") is not None) == bool(_repository())


def test_the_citation_is_of_this_version():
    assert f"version: {PROJECT['project']['version']}\n" in (ROOT / "CITATION.cff").read_text()


def _repository():
    return PROJECT["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
