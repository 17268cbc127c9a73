"""How Sphinx builds the site: `python -m sphinx -W --keep-going -b html docs build/site`, with the extra `docs`.

A build asks no other host for anything, and no page of it does. Its own parts are in `_ext`.
"""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "fastsoftmax"
release = metadata.version("fastsoftmax")

# Where links go that lead to a file without a page: to the files of this release. While pyproject.toml has no address,
# such a link is shown as its text alone.
_hook = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
_address = _hook["tool"]["hatch"]["metadata"]["hooks"]["custom"]["repository"]
repository = f"{_address}/blob/v{release}" if _address else ""

extensions = [
    "sphinx.ext.autodoc",  # reads docstrings
    "sphinx.ext.autosummary",  # makes a page for each public name
    "numpydoc",  # reads the form that docstrings have
    "myst_nb",  # reads Markdown and notebooks
    "links",  # what lies outside of docs: copies, and where links to it go
    "samplers",  # a page for each sampler
]
exclude_patterns = ["_templates", "generated/live"]  # their names end as pages' do
templates_path = ["_templates"]  # the usual ones list methods and do not describe them, and have long titles

autodoc_typehints = "none"  # the docstrings name the types, and say more of them than `Any` does
autodoc_member_order = "bysource"  # the order of reading
autodoc_mock_imports = ["dask", "torch", "transformers"]  # a build need not have what modules are made for
numpydoc_show_class_members = False  # the template has the members, with what they say
toc_object_entries_show_parents = "hide"  # `walk`, where `MarkovChain.walk` would be cut off
default_role = "py:obj"  # single backticks in docstrings are links where they name a public thing

nb_execution_mode = "off"  # tests run the notebooks; here they would compile kernels at each build
myst_enable_extensions = ["html_image"]  # one picture has a width, which Markdown cannot say
myst_heading_anchors = 3  # links such as sampling.md#the-zoo work as on GitHub

html_theme = "pydata_sphinx_theme"
html_title = project  # without the word "documentation"
html_static_path = ["_static"]
html_extra_path = ["generated/live"]  # the page with sliders, as it is
html_css_files = ["site.css"]  # it says what the theme gets wrong here
html_sidebars = {"index": [], "recipes": [], "coming_from": []}  # pages without others below them
html_copy_source = False  # the sources are in the repository
html_theme_options = {
    "navigation_with_keys": False,  # arrow keys scroll wide tables
    "show_prev_next": False,  # on a phone their titles are cut, and the lists of pages lead there too
    "secondary_sidebar_items": ["page-toc"],  # without the link to the source, which is not copied
    "footer_start": [],  # it would name the tools of the site alone
    "footer_end": [],
}
