"""The metadata that depends on where the repository is: the README's links, and the project's URLs.

PyPI shows the README alone, so that a link to a file of the repository needs the repository's address. As long as
pyproject.toml has none, such links become plain text, such images are left out, and there are no URLs.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = r"(?!https?:|mailto:|#)([^)\s]+)"
IMAGE = re.compile(rf"!\[([^][]*)\]\({RELATIVE}\)")
LINK = re.compile(rf"(?<!!)\[([^][]*(?:!\[[^][]*\]\([^)]*\))?)\]\({RELATIVE}\)")


class Metadata(MetadataHookInterface):  # type: ignore[misc]  # hatchling has no types
    """What hatchling asks for the metadata that pyproject.toml calls dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README and the URLs."""
        repository, tag = self.config["repository"], f"v{metadata['version']}"
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": linked(text, repository, tag)}
        metadata["urls"] = urls(repository, tag)


def linked(text: str, repository: str, tag: str) -> str:
    """Return a README whose relative links and images lead to the files of a tag."""
    if not repository:
        return LINK.sub(r"\1", IMAGE.sub("", text))
    return LINK.sub(rf"[\1]({repository}/blob/{tag}/\2)", IMAGE.sub(rf"![\1]({repository}/raw/{tag}/\2)", text))


def urls(repository: str, tag: str) -> dict[str, str]:
    """Return the links that PyPI shows beside the README."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
