"""How the tests run: on how many cores, and how many examples a property is tried with."""

import gc
import os

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=10, deadline=None)
settings.register_profile("usual", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=1000, deadline=None)


def pytest_xdist_auto_num_workers():
    """Return how many processes the tests run in: more than a few would wait for the same kernels to be compiled."""
    return min(os.cpu_count() or 1, 4)


def pytest_configure(config):
    """Choose how many examples hypothesis tries: --hypothesis-profile=long tries ten times as many."""
    if not config.getoption("hypothesis_profile"):
        settings.load_profile("quick" if config.option.markexpr == "quick" else "usual")
    gc.set_threshold(50_000, 20, 20)  # compiling makes millions of objects, of which few are garbage


def pytest_collection_modifyitems(items):
    """Mark as quick what does not say that it is slow or long."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ("slow", "long")):
            item.add_marker(pytest.mark.quick)
