"""Every control of the page, what it says of bad input, the link, and the files of an export on a plain web server."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote

import pytest

from fastsoftmax import explore
from reference import chain as reference
from reference.markov import MarkovChain

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect

pytestmark = pytest.mark.slow  # each in a page of a browser
NIGHTS = [3.0, 2.0, 1.0, 4.0]
HELLO = [0.1, 0.0, 0.5, 1.0, 4.0, 0.6]


PASTE = """(box, text) => {
    const data = new DataTransfer();
    data.setData("text", text);
    box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def shares(page):
    """Return the column of probabilities after the samplers, in percent."""
    cells = page.locator(".distribution tbody tr td.strong").all_inner_texts()
    return [float(text.split("\n")[-1].removeprefix("< ").removesuffix(" %")) for text in cells]


def assert_shares(page, logits, chain):
    """The page draws a moment after it was told."""
    expected = pytest.approx([100 * p for p in reference.probabilities(logits, chain)], abs=0.11)
    for _ in range(50):
        if shares(page) == expected:
            return
        page.wait_for_timeout(100)
    assert shares(page) == expected, chain


def put(page, label, text):
    page.get_by_label(label, exact=True).fill(text)


def test_temperature_filters_and_chains(opened):
    page = opened()
    assert_shares(page, NIGHTS, "temperature=1")
    put(page, "Temperature T", "5")
    assert_shares(page, NIGHTS, "temperature=5")
    assert "6.760887184" in page.locator(".sums").first.inner_text()  # that of the worked exercise
    put(page, "Temperature T", "inf")
    assert_shares(page, NIGHTS, "temperature=inf")
    put(page, "Temperature T", "0")
    assert_shares(page, NIGHTS, "temperature=0")
    put(page, "Temperature T", "2")
    put(page, "top-k", "3")
    assert_shares(page, NIGHTS, "temperature=2 top_k=3")
    assert "cut by top-k: top-k keeps the 3 likeliest" in page.locator(".distribution tbody").inner_text()
    put(page, "top-p", "0.7")
    put(page, "min-p", "0.5")
    assert_shares(page, NIGHTS, "temperature=2 top_k=3 top_p=0.7 min_p=0.5")
    put(page, "or a chain of samplers", "typical=0.5 temperature=0.7")
    assert_shares(page, NIGHTS, "typical=0.5 temperature=0.7")
    assert page.get_by_label("top-k", exact=True).is_disabled()
    page.get_by_role("button", name="Reset the samplers").click()
    assert_shares(page, NIGHTS, "temperature=1")


def test_the_lesson_of_top_p(opened):
    """What top-p does at T = 2 on the sixth token of "Hello"."""
    page = opened()
    page.get_by_role("button", name="Hello", exact=True).click()
    put(page, "Temperature T", "2")
    put(page, "top-p", "0.8")
    assert_shares(page, HELLO, "temperature=2 top_p=0.8")
    sixth = page.locator(".distribution tbody tr").nth(5)
    assert sixth.locator("td.heated").inner_text().endswith("9.8 %")  # by the temperature alone
    assert sixth.locator("td.strong").inner_text().endswith("11.6 %")
    expect(page.locator("main")).to_contain_text("what they keep has 85.1 % of the probability at T = 2")
    put(page, "top-p", "0.5")
    expect(sixth).to_contain_text("cut by top-p: likelier tokens have 0.5 of the probability, or more, already")


def test_sliders(opened):
    page = opened()
    slider = page.get_by_label("Temperature T, slider")
    slider.fill("0.75")
    assert_shares(page, NIGHTS, "temperature=3")
    slider.focus()
    page.keyboard.press("End")
    expect(page.get_by_label("Temperature T", exact=True)).to_have_value("inf")
    page.keyboard.press("Home")
    assert_shares(page, NIGHTS, "temperature=0")
    page.get_by_role("button", name="β instead of T").click()
    put(page, "beta = 1/T", "2")
    assert_shares(page, NIGHTS, "temperature=0.5")
    page.get_by_label("top-k, slider").fill("0.5")
    assert_shares(page, NIGHTS, "temperature=0.5 top_k=2")


def test_tokens_are_edited(opened):
    page = opened()
    put(page, "logit of token 2", "-1.5")
    put(page, "token 2", "🦊 ثعلب")
    assert_shares(page, [3, -1.5, 1, 4], "")
    page.get_by_role("button", name="Add a token").click()
    put(page, "logit of token 5", "2.5")
    assert_shares(page, [3, -1.5, 1, 4, 2.5], "")
    page.get_by_role("button", name="remove nights").click()
    assert_shares(page, [-1.5, 1, 4, 2.5], "")
    page.get_by_text("Edit the list as text").click()
    page.get_by_label("A token and its logit a line").fill("the fox = 1.5\nזה: 2\n3 4 -1e0")
    page.get_by_role("button", name="Use this list").click()
    assert_shares(page, [1.5, 2, -1], "")
    expect(page.get_by_label("token 3", exact=True)).to_have_value("3 4")


def test_bad_input_is_told_beside_its_field_and_kept(opened):
    page = opened()
    for label, text, message in (
        ("Temperature T", "-1", "“-1” is not a number ≥ 0"),
        ("Temperature T", "hot", "“hot” is not a number ≥ 0"),
        ("top-k", "2.5", "“2.5” is not a whole number ≥ 0"),
        ("top-p", "1.5", "“1.5” is not a number from 0 to 1"),
        ("min-p", "", "“” is not a number from 0 to 1"),
        ("logit of token 1", "x", "“x” is not a number from -1000000 to 1000000"),
        ("seed", "-1", "“-1” is not a whole number from 0"),
        ("or a chain of samplers", "top_q=3", "at character 1: no sampler top_q"),
    ):
        field = page.get_by_label(label, exact=True)
        field.fill(text)
        field.blur()
        expect(field).to_have_value(text)
        assert field.get_attribute("aria-invalid") == "true"
        told = page.locator(f"#{field.get_attribute('aria-describedby')}")
        assert message in told.inner_text()
        assert_shares(page, NIGHTS, "")  # the last good value counts
        field.fill(
            {"or a chain of samplers": "", "top-p": "1", "Temperature T": "1", "logit of token 1": "3"}.get(label, "0")
        )
    page.get_by_text("Edit the list as text").click()
    area = page.get_by_label("A token and its logit a line")
    for text, message in (
        ("  \n", "The list is empty"),
        ("\n".join(f"t{i} {i}" for i in range(10_000)), "The list has 10,000 tokens, expected at most 500"),
        ("fine 1\nnothing", "Line 2, “nothing”, does not end with a number"),
        ("a 1e9", "Line 1, “a 1e9”"),
    ):
        area.evaluate(PASTE, text) if len(text) > 10_000 else area.fill(text)
        assert message in page.locator("#list-error").inner_text()
        assert page.get_by_role("button", name="Use this list").is_disabled()
        expect(area).to_have_value(text)
    assert_shares(page, NIGHTS, "")


def test_draws_pile_up_and_are_those_of_the_reference(opened):
    page = opened("T=2&p=0.9&seed=11")
    for name in ("Draw 1", "Draw 10", "Draw 100", "Draw 1,000"):
        page.get_by_role("button", name=name, exact=True).click()
    drawn = [int(text.strip().replace(",", "")) for text in page.locator(".drawn").all_inner_texts()]
    tokens = reference.sample(NIGHTS, "temperature=2 top_p=0.9", n=1111, seed=11)
    assert drawn == [tokens.count(i) for i in range(4)]
    put(page, "seed", "12")
    expect(page.locator(".drawn")).to_have_count(0)
    page.get_by_role("button", name="Draw 100", exact=True).click()
    page.get_by_role("button", name="Clear").click()
    assert "None yet" in page.locator(".draws").inner_text()


def test_temperature_sweeps_and_stands_still_where_less_motion_is_asked_for(opened):
    page = opened()
    page.get_by_role("button", name="Sweep T").click()
    seen = {page.get_by_label("Temperature T", exact=True).input_value()}
    for _ in range(8):
        page.wait_for_timeout(60)
        seen.add(page.get_by_label("Temperature T", exact=True).input_value())
    assert len(seen) >= 4
    page.get_by_role("button", name="Stop").click()
    still = opened(reduced_motion="reduce")
    still.get_by_role("button", name="Sweep T").click()
    still.wait_for_timeout(500)
    expect(still.get_by_label("Temperature T", exact=True)).to_have_value("1")
    still.wait_for_timeout(1500)
    assert still.get_by_label("Temperature T", exact=True).input_value() != "1"


def test_the_curves_follow_the_theme(opened):
    page = opened("T=2")
    assert page.locator(".curves canvas").count() == 1
    far = opened("tokens=" + quote(json.dumps([["a", 100], ["b", -100]])))
    assert "too far apart" in far.locator("main").inner_text()


def test_a_language_model(opened):
    recorded = json.loads((explore.PAGE / "data" / "smollm2.json").read_text(encoding="utf-8"))
    page = opened("tab=model&T=1.5&k=40")
    page.get_by_label("Prompt").select_option(index=3)
    logits = recorded["prompts"][3]["logits"]
    expected = sorted((100 * p for p in reference.probabilities(logits, "temperature=1.5 top_k=40")), reverse=True)
    assert shares(page) == pytest.approx(expected[:20], abs=0.11)
    assert "40 of 200 tokens can be drawn" in page.locator("main").inner_text()
    told = [text.strip() for text in page.locator(".stories dd").all_text_contents()]
    assert told == [text.strip() for text in recorded["story"]["texts"]]


def test_a_markov_chain(opened):
    text = "the cat sat on the mat\nthe dog sat on the cat\na dog saw the cat"
    page = opened("tab=chain&seed=5&text=" + quote(text))
    chain = MarkovChain(1).fit([line.split() for line in text.splitlines()])
    for i, temperature in enumerate((0.1, 0.5, 1.0)):
        walks = chain.walk(5, 40, temperature=temperature, seed=5)
        lines = page.locator(".walks section").nth(i).locator("p").all()
        assert [[word.inner_text() for word in line.locator("button").all()] for line in lines] == walks
    page.locator(".word").nth(1).click()
    before, word = (page.locator(".word").nth(i).inner_text() for i in (0, 1))
    assert f"After “{before}”" in page.locator("main").inner_text()
    words, likely = chain.next_tokens(before)
    told = page.locator("[aria-label=Row] tbody tr").all()
    assert [row.locator("th").inner_text() for row in told] == [w or "(end)" for w in words]
    percents = [float(row.locator("td").last.inner_text().removesuffix(" %")) for row in told]
    assert percents == pytest.approx([100 * p for p in likely], abs=0.06)
    assert page.locator("tr.picked th").inner_text() == word
    page.get_by_role("button", name="Another seed").click()
    expect(page.get_by_label("seed")).to_have_value("6")
    put(page, "order: words a state has", "2")
    assert "“" not in page.locator(".main").inner_text()


def test_long_and_empty_texts(opened):
    page = opened("tab=chain")
    area = page.get_by_label("A text; each line is a sequence")
    before = page.locator(".walks").inner_text()
    area.fill(" \n ")
    assert "The text is empty" in page.locator("#text-error").inner_text()
    expect(area).to_have_value(" \n ")
    assert page.locator(".walks").inner_text() == before
    area.evaluate(PASTE, "word " * 1_000_001)
    assert "5,000,005 characters, expected at most 5,000,000" in page.locator("#text-error").inner_text()
    assert "5,000,005 characters are kept, the first 2,000 are shown" in page.locator(".controls").inner_text()
    assert page.locator(".walks").inner_text() == before
    area.evaluate(PASTE, "\n".join(f"w{i % 5000} w{i % 77} w{i % 9}" for i in range(250_000)))
    page.wait_for_function("document.querySelector('.main p').innerText.startsWith('5,000 words')", timeout=20_000)
    assert page.locator("#text-error").inner_text() == ""
    page.get_by_role("button", name="Back to the first text").click()
    assert page.locator(".walks").inner_text() == before


def test_a_text_file(opened, tmp_path):
    (tmp_path / "song.txt").write_text("la la lu\nla lu\n", encoding="utf-8")
    page = opened("tab=chain")
    page.get_by_label("or a text file").set_input_files(tmp_path / "song.txt")
    page.wait_for_function("document.querySelector('.main p').innerText.startsWith('2 words, 3 states')")


def test_a_link_shares_the_state(opened):
    page = opened()
    put(page, "Temperature T", "0.7")
    put(page, "logit of token 1", "2.25")
    put(page, "token 1", "naïve & co=🦊")
    page.wait_for_function("location.hash.includes('0.7')")
    page.wait_for_timeout(300)
    other = opened(page.url.partition("#")[2])
    expect(other.get_by_label("token 1", exact=True)).to_have_value("naïve & co=🦊")
    assert_shares(other, [2.25, 2, 1, 4], "temperature=0.7")
    page.get_by_role("button", name="Copy a link to this").click()
    page.wait_for_selector("text=/The link is/")
    broken = opened("T=hot&tokens=[[1]]&tab=nothing&k=&seed=%F0")
    assert_shares(broken, NIGHTS, "")


def test_tabs_by_keyboard(opened):
    page = opened()
    page.get_by_role("tab", name="Softmax").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="A language model").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Softmax").get_attribute("aria-selected") == "true"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "field-Temperature-T"


@pytest.mark.parametrize("tab", ["softmax", "model", "chain"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_every_width_and_every_control_has_a_name(opened, tab, width, theme):
    page = opened(f"tab={tab}&T=0.5&p=0.8", width, theme)
    page.wait_for_selector(".distribution, .walks")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = (
        "(all) => all.filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map((e) => e.outerHTML)"
    )
    assert page.locator("button, input, select, textarea").evaluate_all(unnamed) == []
    colours = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    light = [sum(map(int, colour[4:-1].split(","))) for colour in colours]
    assert (light[0] < light[1]) == (theme == "light")


def test_an_export_works_from_a_plain_web_server(opened, tmp_path):
    count = explore.export(tmp_path / "site" / "deep")
    assert count == sum(path.is_file() for path in explore.PAGE.rglob("*"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    handler.func.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page = opened("tab=model", at=f"http://127.0.0.1:{server.server_port}/deep/")
        page.wait_for_selector(".distribution")
        server.shutdown()
    with pytest.raises(ValueError, match="expected a folder that is new or empty"):
        explore.export(tmp_path / "site")
