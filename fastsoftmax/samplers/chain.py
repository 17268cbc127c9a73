"""Chains of samplers: ordered and frozen, with a string that prints and parses."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._grid import html
from fastsoftmax._state import State, started
from fastsoftmax.samplers import EDITS, SAMPLERS
from fastsoftmax.samplers.edit import COLUMN, COUNTS, FIRST, LAST, OF, STOP, Edit, EditOperation, Listed, listed_of
from fastsoftmax.samplers.order import refuse_impossible
from fastsoftmax.samplers.parsing import near, parsed
from fastsoftmax.samplers.rows import histories_of, joined_step, step_at
from fastsoftmax.samplers.step import LEARNS, NUMBER, OFF, WAY, Operation, Rows, Step

WORDS = ("temperature", "top_k", "top_p", "min_p")  # what `sample` takes by itself, in this order

_BY_NAME: dict[str, type[Step]] = {sampler.name: sampler for sampler in (*EDITS, *SAMPLERS)}


class SamplerChain:
    """Samplers in the order in which they are applied; the same sampler may stand in it more than once.

    Parameters
    ----------
    *samplers : str, Step, SamplerChain, or iterables of them
        A string has samplers with blanks between them, as ``"top_k=40 xtc(probability=0.5, threshold=0.1)"``. A value
        by itself is that of the sampler's first parameter; those in parentheses are given by name. A list is one value
        a row: ``"temperature=[0.5,1.0]"``. The samplers are those of `fastsoftmax.samplers`, by their names.

    Raises
    ------
    TypeError, ValueError
        For what is no sampler, a parameter outside its range, or a chain that cannot be: what changes logits for what
        came before stands first, nothing may follow what picks the token or changes the order, and a share of the whole
        row (`of="all"`) is known until a scale changes it.

    Examples
    --------
    >>> chain = SamplerChain("top_k=40 top_p=0.95 min_p=0.05 temperature=0.8")
    >>> print(chain[:2] + SamplerChain("greedy"))
    top_k=40 top_p=0.95 greedy
    >>> chain == SamplerChain(str(chain))
    True
    """

    steps: tuple[Step, ...]

    def __init__(self, *samplers: Any) -> None:
        object.__setattr__(self, "steps", tuple(_steps(samplers)))
        refuse_impossible(self.steps)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a SamplerChain is frozen: make another one instead of setting its {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SamplerChain):
            return NotImplemented
        return self is other or self.steps == other.steps

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.steps)

    def __str__(self) -> str:
        return " ".join(map(str, self.steps))

    def __repr__(self) -> str:
        return f"SamplerChain({str(self)!r})"

    def _repr_html_(self) -> str:
        does = [(type(step).__doc__ or "").partition("\n")[0] for step in self.steps]
        return html({"step": list(map(str, self.steps)), "what it does": does})

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __getitem__(self, index: Any) -> Any:
        return SamplerChain(self.steps[index]) if isinstance(index, slice) else self.steps[index]

    def __add__(self, other: Any) -> "SamplerChain":
        return SamplerChain(self, other)

    def __radd__(self, other: Any) -> "SamplerChain":
        return SamplerChain(other, self)

    def __reduce__(self) -> tuple[Any, ...]:
        return SamplerChain, self.steps

    @classmethod
    def preset(cls, name: str, /, **words: Any) -> "SamplerChain":
        """Return the chain of another library: its order and its rules, by its own words, the defaults its own.

        Parameters
        ----------
        name : str
            "transformers", "vllm", "sglang", "flashinfer", "llama.cpp", "llama-cpp-python", "mlx-lm", "ollama",
            "ollama-mlx", "exllamav3", "koboldcpp" or "text-generation-webui".
        **words
            The peer's own, as `fastsoftmax.samplers.presets` has them.

        Raises
        ------
        TypeError, ValueError
            For an unknown name or word, or a value outside its range.

        Examples
        --------
        >>> print(SamplerChain.preset("llama.cpp", temp=0.7))
        top_k=40 top_p=0.95 min_p=0.05 temperature=0.7
        """
        from fastsoftmax.samplers.presets import steps_of

        return cls(steps_of(name, words))

    def to_json(self) -> str:
        """Return the chain as JSON: a list of samplers, each with its name and all its parameters."""
        return json.dumps([{"name": step.name} | _plain(step) for step in self.steps])

    @classmethod
    def from_json(cls, text: str) -> "SamplerChain":
        """Return the chain of `to_json`.

        Raises
        ------
        TypeError, ValueError
            For what is no chain.
        """
        found = json.loads(text)
        if not isinstance(found, list) or not all(isinstance(one, dict) and "name" in one for one in found):
            raise ValueError(f"JSON has {_checks.described(found)}, expected a list of objects with a name each")
        steps = list[Step]()
        for one in found:
            values = {name: _unplain(value) for name, value in one.items() if name != "name"}
            steps.append(_step_of(str(one["name"]), (), values, "JSON"))
        return cls(*steps)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters that are one a row, for the batch that they broadcast to."""
        steps = enumerate(self.steps)
        names = [(place, step, one.name) for place, step in steps for one in fields(step) if "range" in one.metadata]
        values = {f"{step.name}'s {name}, step {place}": getattr(step, name) for place, step, name in names}
        return {name: value for name, value in values.items() if np.shape(value)}

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """The steps that change logits for what came before; they come first."""
        return tuple(step for step in self.steps if isinstance(step, Edit))

    @cached_property
    def rest(self) -> "SamplerChain":
        """The chain of the other steps."""
        return self[len(self.edits) :] if self.edits else self

    @cached_property
    def asking(self) -> Step | None:
        """The first step that asks what came before, which a state tells; None if none does."""
        return next((step for step in self.steps if step.asks), None)

    @cached_property
    def keeper(self) -> Step | None:
        """The step that keeps a number which draws change, None if none does; only what picks the token follows it."""
        return next((step for step in self.rest if step.asks), None)

    @cached_property
    def largest(self) -> int:
        """The largest token that an edit names, -1 if none does."""
        return max((step.largest for step in self.edits), default=-1)

    def start(self, prompts: Any = ()) -> State:
        """Return the state of a batch before its first token.

        Parameters
        ----------
        prompts : sequence of int, or sequence of sequences of int, default ()
            The tokens of a prompt, for a batch of one row, (), or a prompt for each of the rows of a batch.

        Raises
        ------
        TypeError, ValueError
            For what is no prompt, or a parameter that is one a row of another batch.

        Examples
        --------
        >>> from fastsoftmax import sample
        >>> chain = SamplerChain("repetition=2.0 temperature=0.5")
        >>> state, tokens = chain.start([1, 1, 3]), []
        >>> for step in range(5):
        ...     token, state = sample([1.0, 3.0, 2.0, 2.5], samplers=chain, state=state, seed=1, step=step)
        ...     tokens.append(int(token))
        >>> tokens
        [3, 2, 1, 3, 1]
        """
        rows, batch = histories_of(prompts)
        lengths = np.array([len(row) for row in rows], np.int64)
        lines = 1 if self.keeper is None else 2
        if lines == 2:
            self.first_numbers(batch)  # refuses parameters of another batch
        return started(self, [np.stack([row, 0 * row][:lines]) for row in rows], lengths, batch)

    def first_numbers(self, batch: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return the number that the keeper keeps before the first token, for all rows or for each."""
        operations, *_ = self.rest.operations(batch, False)
        return operations[:, keeper_at(operations), NUMBER].astype(np.float32)

    def edit_rows(self, batch: tuple[int, ...]) -> tuple[Rows, Listed, npt.NDArray[np.int64]]:
        """Return the edits as the kernel reads them, for all rows or for each, what they list, and their windows.

        A window has a part of the history and a number of last tokens; edits that count in the same one share it.
        """
        key = batch if self.parameters else ()
        found = self._edit_rows.get(key)
        if found is None:
            self._edit_rows.clear()
            found = self._edit_rows[key] = self._made_edit_rows(batch)
        return found

    @cached_property
    def _edit_rows(self) -> dict[tuple[int, ...], tuple[Rows, Listed, npt.NDArray[np.int64]]]:
        return {}

    def _made_edit_rows(self, batch: tuple[int, ...]) -> tuple[Rows, Listed, npt.NDArray[np.int64]]:
        made = [step.edits(batch) for step in self.edits]
        rows = np.broadcast_shapes((1,), *(one.shape[:1] for one in made))
        edits = np.zeros((*rows, len(made), len(EditOperation._fields)))
        windows, first = list[Rows](), 0
        for place, (step, one) in enumerate(zip(self.edits, made, strict=True)):
            edits[:, place] = one
            edits[:, place, FIRST : STOP + 1] = first, first + len(step.listed)
            first += len(step.listed)
            if step.source == COUNTS:
                window = edits[:, place, OF : LAST + 1]
                same = [column for column, other in enumerate(windows) if np.array_equal(window, other)]
                edits[:, place, COLUMN] = same[0] if same else len(windows)
                windows += [] if same else [window]
        counted = np.concatenate([np.zeros((*rows, 0)), *windows], axis=1).astype(np.int64)
        return edits, listed_of(self.edits), counted

    def at(self, places: npt.NDArray[np.int64], batch: tuple[int, ...]) -> "SamplerChain":
        """Return the chain for some rows of a batch, by their places in the flattened one."""
        if not self.parameters:
            return self
        return SamplerChain(step_at(step, places, batch) for step in self.steps)

    @staticmethod
    def joined(chains: "Sequence[tuple[SamplerChain, tuple[int, ...]]]") -> "SamplerChain":
        """Return the chain of the rows of several batches, each with its chain: numbers that differ are one a row.

        Raises
        ------
        ValueError
            If they differ in more than numbers.
        """
        first = chains[0][0]
        if all(chain == first for chain, _ in chains) and not first.parameters:
            return first
        batches, steps = [batch for _, batch in chains], [chain.steps for chain, _ in chains]
        kinds = [[type(step) for step in own] for own in steps]
        if any(own != kinds[0] for own in kinds):
            other = next(chain for chain, _ in chains if chain != first)
            raise ValueError(f"states are of {str(first)!r} and {str(other)!r}, expected chains that differ in numbers")
        return SamplerChain(joined_step(several, batches) for several in zip(*steps, strict=True))

    def operations(self, batch: tuple[int, ...], every: bool) -> tuple[Rows, list[int], Rows]:
        """Return the chain as the kernel reads it, the last operation of each of its steps, and its temperatures.

        The shape is (1 or rows of the batch, operations, columns of `Operation`). What is off for all rows is left out,
        unless `every` step is wanted. Temperatures are one for all rows or one for each, the product of all that the
        chain has.
        """
        key = batch if self.parameters else (), every
        found = self._made.get(key)
        if found is None:
            self._made.clear()  # but for the last ones; what they are made of cannot be changed
            found = self._made[key] = self._operations(*key)
        return found

    @cached_property
    def _made(self) -> dict[tuple[tuple[int, ...], bool], tuple[Rows, list[int], Rows]]:
        return {}

    def _operations(self, batch: tuple[int, ...], every: bool) -> tuple[Rows, list[int], Rows]:
        steps = [np.stack(np.broadcast_arrays(*step.operations(batch)), axis=1) for step in self.steps]
        steps = [step for step in steps if every or (step[..., WAY] != OFF).any()]
        rows = np.broadcast_shapes((1,), *(step.shape[:1] for step in steps))
        empty = np.zeros((*rows, 0, len(Operation._fields)))
        wide = [np.broadcast_to(step, (*rows, *step.shape[1:])) for step in steps]
        ends = np.cumsum([step.shape[1] for step in steps], dtype=int) - 1
        operations = np.ascontiguousarray(np.concatenate([empty, *wide], axis=1))
        return operations, ends.tolist(), self._temperatures(batch)

    def _temperatures(self, batch: tuple[int, ...]) -> Rows:
        steps = [step.operations(batch)[0][:, 3] for step in self.steps if step.name == WORDS[0]]
        cold = [values == 0.0 for values in steps]
        with np.errstate(invalid="ignore"):  # 0 * inf, which is 0 here: T = 0 leaves one token
            product = math.prod(steps, start=np.ones(1))
        return np.where(sum(cold, start=np.zeros(1, bool)), 0.0, product)

    @cached_property
    def words(self) -> dict[str, Any] | None:
        """The words of `sample` that say the same, or None where none do."""
        found = dict[str, Any]()
        for step in self.steps:
            if step.name not in WORDS[len(found) and WORDS.index([*found][-1]) + 1 :]:
                return None
            main, *rules = fields(step)
            if any(np.shape(getattr(step, one.name)) or getattr(step, one.name) != one.default for one in rules):
                return None
            found[step.name] = getattr(step, main.name)
        return found


def chain_of(samplers: Any) -> SamplerChain:
    """Return what is given as `samplers=` as a chain."""
    if isinstance(samplers, SamplerChain):
        return samplers
    return _read(samplers) if isinstance(samplers, str) else SamplerChain(samplers)


_read = lru_cache(SamplerChain)  # a string is given with every call


def keeper_at(operations: Rows) -> int:
    """Return which operation keeps a number that draws change."""
    return int(np.argmax((operations[..., LEARNS] == 1.0).any(axis=0)))


def _steps(samplers: Iterable[Any]) -> Iterator[Step]:
    for one in samplers:
        if isinstance(one, Step):
            yield one
        elif isinstance(one, SamplerChain):
            yield from one.steps
        elif isinstance(one, str):
            for name, values, words, place in parsed(one):
                yield _step_of(name, values, words, place)
        elif isinstance(one, Iterable) and not isinstance(one, (bytes, dict, np.ndarray)):
            yield from _steps(one)
        else:
            raise TypeError(f"samplers has {_checks.described(one)}, expected a string, samplers or a SamplerChain")


def _step_of(name: str, values: tuple[Any, ...], words: dict[str, Any], place: str) -> Step:
    """Return a sampler by its name, with parameters by place and by name; `place` is where it stands, for a message."""
    if name not in _BY_NAME:
        raise ValueError(f"samplers has no sampler {name!r} ({place}){near(name, _BY_NAME)}")
    kind = _BY_NAME[name]
    known = [one.name for one in fields(kind)]
    if len(values) > len(known):
        raise ValueError(f"{name} ({place}) has {len(values)} values, expected at most {len(known)}")
    for word in words:
        if word not in known:
            expected = ", ".join(known) or "none"
            raise ValueError(f"{name} ({place}) has no parameter {word!r}{near(word, known)}, expected {expected}")
        if word in known[: len(values)]:
            raise ValueError(f"{name} ({place}) has {word} twice, expected it once")
    return kind(*values, **words)


def _plain(step: Step) -> dict[str, Any]:
    """Return the parameters of a step as JSON has them: infinity is a string."""
    values = {one.name: getattr(step, one.name) for one in fields(step)}
    values = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
    return {name: _plain_value(value) for name, value in values.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [*map(_plain_value, value)]
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _unplain(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_unplain, value)]
    return float(value) if value in ("inf", "-inf") else value
