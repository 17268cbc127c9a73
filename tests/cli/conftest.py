"""What all tests of the command line share."""

import pytest

from fastsoftmax.cli import output


@pytest.fixture(autouse=True)
def no_notices(request, monkeypatch):
    """Leave out what is said on stderr while a kernel compiles: in an empty cache it would stand beside errors."""
    if "said_once" not in request.node.name:
        monkeypatch.setattr(output, "show_notices", lambda: None)
