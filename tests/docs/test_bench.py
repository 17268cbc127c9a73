"""The benchmark suite without its clock: its inputs, its arithmetic, and that the README says what was measured."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from bench import accuracy, compare, data, limits, race, report, run, words
from bench import machine as machines
from bench.chains import Corpus
from bench.machine import ROOT
from bench.results import Case, Results, Timing, kept, quartiles


def timing(name, role, median, units=1):
    return Timing(name, role, median, 0.9 * median, 1.1 * median, rounds=5, calls=2, units=units)


def made_up_case(group, name, on, ours, peer, limit=1e-6, **facts):
    return Case(
        group,
        name,
        on,
        {"threads": 1, "limit": "the limit"} | facts,
        "elements",
        [
            timing("fastsoftmax", "ours", ours, 100),
            timing("fastsoftmax again", "again", 1.02 * ours, 100),
            timing("np.max", "limit", limit / 2, 100),
            timing("the limit", "limit", limit, 100),
            timing("slow peer", "peer", 10 * peer, 100),
            timing("torch", "peer", peer, 100),
            timing("refill", "aside", peer / 2, 100),
        ],
    )


@pytest.fixture
def results():
    rows = {"kind": "llm", "vocabulary": 128_256, "dtype": "float32", "batch": 1}
    nucleus = {"temperature": 1.0, "top_p": 0.9, "n": 1}
    walks = {"n": 1_000, "length": 1_000, "edges": 7, "on_dead_end": "restart"}
    return Results(
        machine={
            "date": "2024-05-06T07:08:09+00:00",
            "cpu": "Abacus(R) Processor (AVX2), family 1 model 2",
            "kernels": "beads3, AVX2",
            "threads": 2,
            "caches": ["L1 32K"],
            "memory_gib": 8.0,
            "system": "Linux x86_64",
            "python": "3.12.1",
            "commit": "0123456789ab",
            "changed": False,
            "load_before": 0.1,
            "run": "quick",
            "versions": {"numpy": "2.0.0"},
        },
        skipped={"quantecon": "needs quantecon: the extra bench"},
        cases=[
            made_up_case("softmax", "softmax", "llm-128256-float32-1-1t", 2e-6, 3e-6, **rows),
            made_up_case("softmax", "softmax", "llm-32000-float32-1-1t", 1e-6, 3e-6, **rows | {"vocabulary": 32_000}),
            made_up_case("sample", "top_p", "llm-128256-float32-1-1t", 40e-6, 30e-6, **rows, **nucleus),
            made_up_case("walk", "plain", "text-order2-1t", 5e-6, 50e-6, **walks),
            made_up_case("fit", "fit", "text-order2-all", 5e-6, 50e-6, order=2, threads=2),
            made_up_case("chain", "load", "text-order2-1t", 5e-6, 50e-6, bytes=2_000_000),
            made_up_case("graph", "stationary", "ways-1000x10-1t", 5e-6, 50e-6, states=1_000, edges=10_000),
        ],
        first_call={"imports": {"fastsoftmax": 0.2}, "calls": {"softmax": {"cold": 2.0, "warm": 0.2, "steady": 9e-6}}},
        accuracy=[
            {"function": "softmax", "dtype": "float32", "temperature": t, "scale": 10, "who": who, **errors}
            for t in (1.0, 0.75)
            for who, errors in (("fastsoftmax", {"largest": t, "mean": 0.3, "sum": 1e-9}), ("torch", {"largest": 20.0}))
        ],
    )


class TestResults:
    def test_ratios_are_per_unit_of_work(self):
        case = made_up_case("softmax", "softmax", "x-1t", 2e-6, 3e-6)
        twice = replace(case, timings=[case.ours, timing("torch", "peer", 6e-6, 200)])
        assert case.ratio("torch") == pytest.approx(1.5)
        assert twice.ratio("torch") == pytest.approx(1.5)
        assert case.ratio("nobody") is None
        assert case.times_limit == pytest.approx(2)
        assert case.repeat == pytest.approx(0.02)
        assert case.best_peer is not None
        assert case.best_peer.name == "torch"

    def test_json_round_trip(self, results, tmp_path):
        path = tmp_path / "deep" / "results.json"
        results.save(path)
        loaded = Results.load(path)  # to five digits
        assert [case.key for case in loaded.cases] == [case.key for case in results.cases]
        assert loaded.cases[0].ours.median == pytest.approx(results.cases[0].ours.median, rel=1e-4)
        content = path.read_bytes()
        loaded.save(path)
        assert path.read_bytes() == content

    def test_another_schema_is_refused(self, tmp_path):
        path = tmp_path / "results.json"
        path.write_text('{"schema": 0}')
        with pytest.raises(ValueError, match="another schema"):
            Results.load(path)

    def test_figures_of_another_cpu_are_not_written_over(self, results, tmp_path):
        path = tmp_path / "abacus-beads3-avx2.json"
        run.refuse_another(path, results.machine)
        results.save(path)
        run.refuse_another(path, results.machine)
        with pytest.raises(RuntimeError, match=r"has the figures of Abacus.* model 2, and this is Abacus model 3"):
            run.refuse_another(path, results.machine | {"cpu": "Abacus model 3"})

    def test_quartiles(self):
        assert quartiles([7.0]) == (7.0, 7.0, 7.0)
        assert quartiles([5, 1, 4, 2, 3]) == (2, 3, 4)


class TestReport:
    def test_groups_that_were_measured_anew_are_told(self, results):
        again = {"groups": ["fit", "walk"], "commit": "abcdef", "changed": False, "date": "2024-06-01T00:00:00+00:00"}
        page = report.machine_page(replace(results, machine=results.machine | {"updates": [again]}))
        assert "Counting transitions, Markov walks: measured anew on 2024-06-01 at commit abcdef." in page
        assert "commit 0123456789ab and abcdef" in page

    def test_every_part_is_there(self, results):
        page = report.render({"abacus": results}, ["ratio-by-batch"])
        for title in ("In short", "Machines", "How to read it", "What is not measured", "Again"):
            assert f"## {title}" in page
        assert "charts/ratio-by-batch.svg" in page
        page = report.machine_page(results)
        for title in ("In short", "Slower than a peer", "Furthest", *report.GROUPS.values()):
            assert f"## {title}" in page
        assert "Abacus" in page
        assert "quantecon (needs quantecon: the extra bench)" in page
        assert "differ by 2.0 % in half of the 7 cases" in page

    def test_machines_stand_side_by_side(self, results):
        other = replace(results, machine=results.machine | {"cpu": "Quipu"}, cases=results.cases[:3])
        page = report.render({"abacus-beads3-avx2": results, "quipu": other}, [])
        abacus = "Abacus(R) Processor (AVX2), family 1 model 2, kernels for beads3, AVX2"
        assert f"|  | {abacus} | Quipu, kernels for beads3, AVX2 |" in page
        assert "](benchmarks/abacus-beads3-avx2.md): 2 threads, commit 0123456789ab, 2024-05-06; a peer was" in page
        line = next(line for line in page.splitlines() if "over a text" in line)
        assert line == "| a step of 1,000 walks over a text, order 2 | 50 ns; torch 500 ns ±10.0 %, 10.00x |  |"

    def test_a_machine_has_a_name(self, results):
        assert machines.name(results.machine) == "abacus-beads3-avx2"
        assert machines.kernels().count(", ") == 1

    def test_a_faster_peer_is_marked_and_listed(self, results):
        assert [case.key for case in report.slower(results.cases)] == ["sample/top_p/llm-128256-float32-1-1t"]
        page = report.machine_page(results)
        assert "In 1 of 7 cases." in page
        assert page.count("**0.75x ▼**") == 4  # the table in short, the list, and twice in its group

    def test_an_aside_is_no_peer(self, results):
        assert "refill 0.75x" in report.group_table(results.group("softmax"))
        assert "▼" not in report.group_table(results.group("softmax"))

    def test_the_furthest_from_the_limit_come_first(self, results):
        assert report.furthest(results.cases)[0].name == "top_p"

    def test_accuracy_takes_the_worst_of_the_temperatures(self, results):
        line = next(
            line for line in report.machine_page(results).splitlines() if line.startswith("| `softmax` | float32")
        )
        assert line == "| `softmax` | float32 | 10 | 1.00 | 0.30 | 1e-09 | 20.0 |  |  |"

    def test_a_run_of_one_case_can_be_shown(self, results):
        page = report.machine_page(replace(results, cases=[], first_call={}, accuracy=[]))
        assert "## Markov walks" not in page

    def test_tables_are_rectangular(self, results):
        lines = [*report.render({"a": results}, []).splitlines(), *report.machine_page(results).splitlines()]
        starts = [i for i, line in enumerate(lines) if line.startswith("| ---")]
        assert starts
        for start in starts:
            width = lines[start].count(" | ")
            block = [lines[start - 1]]
            for line in lines[start:]:
                if not line.startswith("|"):
                    break
                block.append(line)
            assert {line.replace("\\|", "").count(" | ") for line in block} == {width}

    def test_the_table_goes_between_the_markers(self, results):
        text = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
        content = report.headline_table(results)
        once = report.with_table(text, content)
        assert once == f"before\n{report.BEGIN}\n{content}\n{report.END}\nafter\n"
        assert report.with_table(once, content) == once

    def test_write(self, results, tmp_path, monkeypatch):
        monkeypatch.setattr(report, "ROOT", tmp_path)
        runs = {"abacus": results}
        pages = [tmp_path / report.PAGE, tmp_path / report.PAGES / "abacus.md"]
        assert report.write(runs, []) == pages
        (tmp_path / report.README).write_text(f"a\n{report.BEGIN}\n{report.END}\nb\n")
        assert report.write(runs, []) == [*pages, tmp_path / report.README]
        assert report.headline_table(results) in (tmp_path / report.README).read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("time", "text"), [(2.5, "2.5 s"), (1e-3, "1 ms"), (6.07e-5, "60.7 µs"), (5e-10, "0.5 ns")]
    )
    def test_times(self, time, text):
        assert report.seconds(time) == text

    def test_charts(self, results, tmp_path, monkeypatch):
        pytest.importorskip("matplotlib", reason="needs matplotlib: the extra bench")
        from bench import charts

        monkeypatch.setattr(charts, "FOLDER", tmp_path)
        assert charts.draw(results) == ["faster-and-slower", "ratio-by-vocabulary", "time-over-the-limit"]
        for path in tmp_path.iterdir():
            assert "prefers-color-scheme: dark" in path.read_text(encoding="utf-8")
        drawn = (tmp_path / "faster-and-slower.svg").read_text(encoding="utf-8")
        assert "1.50x torch" in drawn
        assert "▼ 0.75x torch" in drawn


class TestWords:
    def test_cases(self, results):
        assert [words.whole(case) for case in results.cases] == [
            "`softmax` of one row of 128,256 logits, float32",
            "`softmax` of one row of 32,000 logits, float32",
            "a token with top-p 0.9, from one row of 128,256 logits, float32",
            "a step of 1,000 walks over a text, order 2",
            "counting a token of a text, order 2, 2 threads",
            "opening a file of 2.0 MB, a model of a text, order 2",
            "the stationary distribution of a graph of 10,000 edges and 1,000 states",
        ]

    def test_no_two_cases_are_the_same_in_words(self):
        keys: dict[str, set[str]] = {}
        for results in kept().values():
            for case in results.cases:
                keys.setdefault(words.whole(case), set()).add(case.key)
        assert not [some for some in keys.values() if len(some) > 1]

    def test_there_are_words_for_every_kind_of_rows(self):
        assert words.LOGITS.keys() == data.KINDS.keys()

    def test_a_chain_of_samplers_is_told(self):
        rows = vars(data.Rows())
        facts = {"samplers": "dry=0.8", "history": 100, "n": 1}
        case = made_up_case("sample", "DRY, history of 100", "x-1t", 1, 1, **facts, **rows)
        assert words.what(case) == "DRY, history of 100: a token by `dry=0.8`"
        case = made_up_case("sample", "samplers dry", "x-1t", 1, 1, **facts, **rows)
        assert words.what(case) == "a token by `dry=0.8`"


class TestCommitted:
    """`python -m bench report` makes them true again."""

    def test_readme_says_what_the_results_say(self):
        text = (ROOT / report.README).read_text(encoding="utf-8")
        assert report.with_table(text, report.headline_table(next(iter(kept().values())))) == text

    def test_pages_say_what_the_results_say(self):
        page = (ROOT / report.PAGE).read_text(encoding="utf-8")
        charts = [
            chart.stem for chart in sorted((ROOT / "docs" / "charts").glob("*.svg"), key=lambda c: page.find(c.stem))
        ]
        assert report.render(kept(), charts) == page
        written = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / report.PAGES).glob("*.md")}
        assert written == {name: report.machine_page(results) for name, results in kept().items()}


class TestCompare:
    def test_a_slowed_kernel_is_told(self):
        change = compare.judge("case", old=[1.0, 1.01, 1.02], new=[1.2, 1.25, 1.5])
        assert change == compare.Change("case", 1.01, 1.25, pytest.approx(1.2376, abs=1e-4), "slower")

    def test_a_faster_one_too(self):
        assert compare.judge("case", old=[1.2, 1.25, 1.5], new=[1.0, 1.01, 1.02]).verdict == "faster"

    @pytest.mark.parametrize(
        "new",
        [
            [1.0, 1.3, 1.4],  # overlaps
            [1.021, 1.022, 1.023],  # apart, and too little to matter
            [0.99, 0.995, 0.999],
        ],
    )
    def test_noise_is_not(self, new):
        assert compare.judge("case", old=[1.0, 1.01, 1.02], new=new).verdict == ""

    def test_summary(self):
        judged = compare.changes(
            {"a": [1.0], "b": [1.0], "c": [1.0], "gone": [1.0]}, {"a": [1.0], "b": [2.0], "c": [0.5]}
        )
        assert [change.key for change in judged] == ["b", "a", "c"]
        text = compare.summary(judged, "v1")
        assert "| b | 1 s | 2 s | 2.00x | slower |" in text
        assert "| c | 1 s | 500 ms | 0.50x | faster |" in text
        assert "1 of 3 cases did not change" in text


class FakeBenchmark:
    """Stands in for pytest-benchmark's fixture, which would time."""

    def __init__(self, disabled):
        self.disabled = disabled
        self.extra_info: dict[str, object] = {}
        self.group = None
        self.rounds: list[float] = []
        self.stats = self
        self.data = self.rounds

    def pedantic(self, target, *, rounds=1, iterations=1, teardown=None):
        for i in range(rounds):
            for _ in range(iterations):
                target()
            self.rounds.append(1.0 + i)
            if teardown is not None:
                teardown()


class TestRace:
    case = Case("softmax", "softmax", "x-1t", {"threads": 1}, "elements")

    def run(self, benchmark, **options):
        """Run a race in which everybody signs a list."""
        calls: list[str] = []
        peers = [race.Contestant(name, "peer", lambda name=name: calls.append(name)) for name in ("a", "b")]
        pace = race.Pace(rounds=4, seconds=1e-9)
        race.race(benchmark, self.case, 10, lambda: calls.append("ours"), peers, pace, **options)
        return calls

    def test_disabled_everything_runs_once(self):
        assert sorted(self.run(FakeBenchmark(disabled=True))) == ["a", "b", "ours"]

    def test_rounds_take_turns(self):
        benchmark = FakeBenchmark(disabled=False)
        calls = self.run(benchmark)
        case = Case.from_json(benchmark.extra_info["case"])
        assert [timing.name for timing in case.timings] == ["fastsoftmax", "fastsoftmax again", "a", "b"]
        assert case.ours.rounds == len(benchmark.rounds) >= 3
        assert {timing.units for timing in case.timings} == {10}
        laps = [name for name, _ in groupby(calls)]
        for name in ("a", "b"):
            assert laps.count(name) == 1 + case.ours.rounds  # once to warm up

    def test_alone(self):
        benchmark = FakeBenchmark(disabled=False)
        assert set(self.run(benchmark, alone=True)) == {"ours"}
        assert len(Case.from_json(benchmark.extra_info["case"]).timings) == 1

    @pytest.mark.parametrize(("rounds", "turns"), [(3, 21), (21, 21), (5, 11), (9, 3)])
    def test_slow_ones_sit_out_evenly(self, rounds, turns):
        taken = [turn for turn in range(turns + 1) if race._has_turn(turn, rounds, turns)]
        assert len(taken) == min(rounds, turns)
        assert max(np.diff([-1, *taken]), default=0) <= -(-turns // rounds)


class TestInputs:
    @pytest.mark.parametrize("kind", [kind for kind in data.KINDS if kind != "real"])
    def test_rows(self, kind):
        rows = data.Rows(kind, vocabulary=500, batch=3, dtype="float16")
        logits = rows.array()
        assert logits.shape == (3, 500)
        assert logits.dtype == np.float16
        data._array.cache_clear()
        np.testing.assert_array_equal(rows.array(), logits)
        assert (logits.max(axis=1) > -np.inf).all()
        assert not np.isnan(logits).any()

    def test_llm_rows_range_from_nearly_certain_to_undecided(self):
        logits = data.Rows(vocabulary=32_000, batch=64).array().astype(float)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = weights / weights.sum(axis=1, keepdims=True)
        low, middle, high = quartiles(-(p * np.log(p)).sum(axis=1))
        assert 0.5 < low < middle < high < 6
        assert 1.5 < middle < 4

    def test_zipf_tokens(self):
        tokens = Corpus("zipf-80k").sequences
        assert tokens.size == Corpus("zipf-80k").tokens
        assert tokens.min() == 0
        assert tokens.max() < 1_000
        expected = np.log1p(1 / np.arange(1, 6)) / np.log(1_000)
        np.testing.assert_allclose(np.bincount(tokens)[:5] / tokens.size, expected, rtol=0.05)

    def test_a_small_text_is_the_beginning_of_the_text(self):
        small = Corpus("text-small").sequences
        assert small == Corpus("text").sequences[: len(small)]

    def test_the_pointer_chase_visits_every_line(self):
        table = limits.cycle(100)
        place, visited = 0, set()
        for _ in range(100):
            place = int(table[place, 0])
            visited.add(place)
        assert visited == set(range(100))
        assert place == 0


class TestAccuracy:
    def test_ulps(self):
        third = np.float32(1 / 3)
        up = np.nextafter(third, np.float32(1))
        truth = (np.array([1 / 3, 1 / 3, 1e-40]), np.zeros(3))
        error = accuracy.ulps(np.array([third, up, 0], np.float32), truth)
        assert error.size == 2  # 1e-40 is no normal float32
        assert error[0] < 0.5
        assert error[1] == pytest.approx(error[0] + 1, abs=0.7)

    def test_exact_is_more_than_a_double(self):
        logits = np.array([0.0, np.log(2.0)])
        high, low = accuracy.exact("softmax", logits, 1.0)
        np.testing.assert_allclose(high, [1 / 3, 2 / 3], rtol=1e-15)
        assert (np.abs(low) < np.spacing(high)).all()
        assert low.any()
