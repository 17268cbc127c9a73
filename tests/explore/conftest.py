"""Chromium, and the page served to it; all requests are recorded."""

import shutil
from threading import Thread

import pytest

from fastsoftmax import explore

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    with explore.server() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def opened(chromium, address):
    """Return a function that opens the page at a state; no error may come, nor a request to another host."""
    contexts, troubles = [], []

    def open_page(fragment="", width=1280, theme="light", at=address, **words):
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **words)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        page.on(
            "request", lambda request: None if request.url.startswith((at, "data:")) else troubles.append(request.url)
        )
        page.goto(f"{at}#{fragment}")
        page.wait_for_selector("main section")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
