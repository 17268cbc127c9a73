"""ARCHITECTURE.md is true: who imports whom; and the rules that the layout lives by."""

import ast
import re
from pathlib import Path

import pytest

import fastsoftmax

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fastsoftmax"
OF_THE_CLI = {  # what is not public, and cannot be asked for otherwise
    "fastsoftmax._grid.BAR_WIDTH",
    "fastsoftmax._grid.Columns",
    "fastsoftmax._grid.aligned",
    "fastsoftmax._jit.cache_directories",
    "fastsoftmax._jit.looking",
    "fastsoftmax._jit.why_unused",
    "fastsoftmax._warmup.DTYPES",
    "fastsoftmax._warmup.Job",
    "fastsoftmax._warmup.jobs",
    "fastsoftmax.markov.reading.clean.cleaned",
    "fastsoftmax.markov.counts.storage.stated",
    "fastsoftmax.markov.reading.tokens.characters",
}
PICTURES = re.findall(r"```mermaid\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)


def pictured(picture):
    return {(a, b) for a, b in re.findall(r"(\w+) --> (\w+)", picture)}


def imported(path):
    """Return the dotted names that a file imports from this repository."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("fastsoftmax", "reference", "bench")}


def unit(name):
    """Return the room of the house that a dotted name is in: a top folder, or a module of the package."""
    top, *rest = name.split(".")
    inside = top == "fastsoftmax" and rest and (PACKAGE / rest[0]).is_dir() | (PACKAGE / f"{rest[0]}.py").is_file()
    return rest[0] if inside else top


def room(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return unit(".".join(part for part in parts if part != "__init__"))


def test_the_picture_of_the_whole():
    files = [file for top in ("fastsoftmax", "reference", "bench") for file in (ROOT / top).rglob("*.py")]
    arrows = {(room(file), unit(name)) for file in files for name in imported(file)}
    assert {(a, b) for a, b in arrows if a != b} == pictured(PICTURES[0])


@pytest.mark.parametrize(("house", "picture"), [("kernels", PICTURES[1]), ("markov", PICTURES[2])])
def test_the_picture_of_rooms(house, picture):
    prefix = f"fastsoftmax.{house}."
    rooms = {file.parent.name for file in (PACKAGE / house).glob("*/__init__.py")}

    def room_of(name):
        return name if name in rooms else "faces"

    arrows = {
        (room_of(file.parent.name), room_of(name.removeprefix(prefix).split(".")[0]))
        for file in (PACKAGE / house).rglob("*.py")
        if file.name != "__init__.py"
        for name in imported(file)
        if name.startswith(prefix)
    }
    assert {(a, b) for a, b in arrows if a != b} == pictured(picture)


@pytest.mark.parametrize("picture", PICTURES)
def test_there_is_no_way_back(picture):
    arrows, floor = pictured(picture), set[str]()
    while arrows:
        ground = {b for _, b in arrows} - {a for a, _ in arrows} - floor
        assert ground, arrows
        floor |= ground
        arrows = {(a, b) for a, b in arrows if b not in ground}


def test_no_file_imports_in_a_circle():
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in PACKAGE.rglob("*.py")
    }
    arrows = {
        module: {other for name in imported(file) for other in (name, name.rpartition(".")[0]) if other in modules}
        - {module}
        for module, file in modules.items()
        if file.name != "__init__.py"
    }
    while leaves := {module for module, others in arrows.items() if not others & arrows.keys()}:
        arrows = {module: others for module, others in arrows.items() if module not in leaves}
    assert not arrows


def test_rooms_say_in_which_order_to_read_them():
    houses = PACKAGE / "kernels", PACKAGE / "markov"
    for room in [*houses, *(file.parent for house in houses for file in house.glob("*/__init__.py"))]:
        text = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        for file in room.iterdir():
            if file.name not in ("__init__.py", "__pycache__"):
                assert f"`{file.stem}`" in text, file


def test_only_the_cross_check_imports_the_library():
    for file in (ROOT / "reference").rglob("*.py"):
        if file.name != "__main__.py":
            assert not {name for name in imported(file) if not name.startswith("reference")}, file


def test_the_command_line_uses_public_names():
    for file in (PACKAGE / "cli").glob("*.py"):
        for name in imported(file):
            used = name.removeprefix("fastsoftmax.").split(".")[0]
            assert (
                used in ("fastsoftmax", "cli", "explore", "plot", "dask", *fastsoftmax.__all__) or name in OF_THE_CLI
            ), (
                file,
                name,
            )


def test_the_face_is_what_it_says():
    public = {name for name in dir(fastsoftmax) if not name.startswith("_")}
    others = {
        "kernels",
        "markov",
        "samplers",
        "sampling",
        "cli",
        "dask",
        "explore",
        "integrations",
        "plot",
        "import_module",
        "TYPE_CHECKING",
        "Any",
    }
    assert public - others == set(fastsoftmax.__all__)
    assert list(fastsoftmax.__all__) == sorted(fastsoftmax.__all__)


def test_files_are_small():
    for file in [*PACKAGE.rglob("*.py"), *(ROOT / "reference").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        assert len(file.read_text().splitlines()) <= 410, file


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_tests_have_no_annotations(path):  # nobody checks them there
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    arguments = [argument for function in functions for argument in ast.walk(function.args)]
    assert not [node for node in functions if node.returns]
    assert not [argument for argument in arguments if getattr(argument, "annotation", None)]
