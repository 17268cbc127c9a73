import pytest

from fastsoftmax._jit import cache


@pytest.fixture
def kernel_cache(tmp_path, monkeypatch):
    """An empty place for kernels. NUMBA_CACHE_DIR would tell other packages too, which then keep halves of pairs."""
    monkeypatch.setattr(cache, "cache_directories", lambda: [tmp_path / "kernels"])
    return tmp_path / "kernels"
