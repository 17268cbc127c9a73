"""The library as it is installed: a wheel, on every Python and every numpy and numba that pyproject.toml admits.

One wheel is built. Every Python of this machine gets an environment of its own, in a folder with a space and an é in
its name, with the wheel, its extra `test` and the newest of all that they need; the lowest Python admitted gets a
second one, with the oldest that pyproject.toml admits. In each the whole test suite runs against what is installed;
then the library is called where neither its folder nor the home can be written, and with its cache on a full disk;
without a GIL, where a Python has none, by many threads.
What this machine cannot do is said in the result.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.long import Check, Progress, SkipError, threads

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOWEST = PROJECT["requires-python"].removeprefix(">=")
OLDEST = f"{LOWEST} oldest"
COMBINATIONS = (OLDEST, "3.11", "3.12", "3.13", "3.14", "3.14t")
SUITE = ("tests", "reference", "bench", "docs", ".ci", "pyproject.toml", "README.md", "CHANGELOG.md", "ARCHITECTURE.md")
OF_THE_SOURCE = ("tests/docs/test_architecture.py", "tests/docs/test_metadata.py")
ABOUT = """
import sys, sysconfig, venv, ensurepip
threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
print(f"{sys.version_info.major}.{sys.version_info.minor}{threads}", sys.version_info.micro)
"""
SOFTMAX = "import fastsoftmax; print(fastsoftmax.softmax([1.0, 2.0]).tolist())"
SOFTMAX_AND_SAMPLE = SOFTMAX + "; print(fastsoftmax.sample([1.0, 3.0, 2.0], seed=1))"
WARNING = "RuntimeWarning: fastsoftmax cannot write to"
NO_MOUNT = 77
FULL_DISK = f"""
mount -t tmpfs -o size=64k tmpfs "$1" || exit {NO_MOUNT}
cat /dev/zero > "$1/filler" 2> /dev/null
NUMBA_CACHE_DIR="$1" "$2" -W always::RuntimeWarning -c "$3" || exit 1
find "$1" -type f ! -name filler
"""


class Environment(NamedTuple):
    """What is installed together."""

    python: Path
    folder: Path
    versions: str


def interpreters() -> dict[str, Path]:
    """Return the Pythons of this machine that can make environments, of each version the newest: "3.13", "3.14t"."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += [*Path("/opt").glob("*/bin"), *Path("~/.pyenv").expanduser().glob("versions/*/bin")]
    newest: dict[str, tuple[int, Path]] = {}
    for path in sorted({path for folder in folders for path in folder.glob("python3.*")}):
        if re.fullmatch(r"python3\.\d+t?", path.name):
            said = subprocess.run([path, "-c", ABOUT], text=True, capture_output=True, check=False)
            if said.returncode == 0:
                version, micro = said.stdout.split()
                newest[version] = max(newest.get(version, (-1, path)), (int(micro), path))
    return {version: path for version, (_, path) in newest.items()}


def oldest() -> list[str]:
    """Return what pyproject.toml admits at least of everything that the library and its extras import."""
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["analysis"], *extras["cli"], *extras["text"]]
    return [one.replace(">=", "==") for one in wanted]


def finished(command: list[str | Path], environment: Mapping[str, str], folder: Path = ROOT) -> str:
    """Return what a command prints that must go well."""
    ran = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)
    output = f"{ran.stdout}\n{ran.stderr}"
    assert ran.returncode == 0, f"{' '.join(map(str, command[:4]))} gave {ran.returncode}: ...{output[-4000:]}"
    return ran.stdout


def variables(**more: str) -> dict[str, str]:
    """Return the environment variables without those that lead to another library or another cache."""
    leading = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    return {name: value for name, value in os.environ.items() if name not in leading} | more


def wheel(folder: Path) -> Path:
    """Build the wheel of the source."""
    finished([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], variables())
    (built,) = folder.glob("*.whl")
    return built


def install(built: Path, interpreter: Path, pins: list[str], folder: Path) -> Environment:
    """Make an environment with the wheel and its extra `test`."""
    finished([interpreter, "-m", "venv", folder], variables())
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--only-binary=:all:"]  # where there is no compiler either
    finished([*pip, f"{built}[test]", *pins], variables())
    where = (
        "import fastsoftmax, numpy, numba; print(fastsoftmax.__file__, numpy.__version__, numba.__version__, sep='|')"
    )
    package, numpy, numba = finished([python, "-c", where], variables(), folder).strip().split("|")
    assert Path(package).is_relative_to(folder), package
    return Environment(python, Path(package).parents[1], f"numpy {numpy}, numba {numba}")


def suite(environment: Environment, folder: Path) -> str:
    """Run all tests but those of the source against what is installed, and return pytest's summary."""
    for name in SUITE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    path = f"{environment.python.parent}{os.pathsep}{os.environ['PATH']}"
    options = ["-q", "-p", "no:cacheprovider", *(f"--ignore={file}" for file in OF_THE_SOURCE)]
    output = finished([environment.python, "-m", "pytest", *options], variables(PATH=path), folder)
    found = re.search(r"(\d+) passed(?:, (\d+) skipped)?", output.splitlines()[-1])
    assert found, output[-2000:]
    return f"{int(found[1]):,} passed, {int(found[2] or 0):,} skipped"


@contextmanager
def unwritable(*folders: Path) -> Iterator[None]:
    """Take the right to write into folders, and into all folders in them, away."""
    every = [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_dir()]
    for path in every:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in every:
            path.chmod(0o755)


def ordinary() -> list[str | Path]:
    """Return what makes a command heed the modes of files, which root does not."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        raise SkipError("root can write everywhere, and there is no setpriv")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


def try_read_only(environment: Environment, home: Path, code: str = SOFTMAX_AND_SAMPLE) -> None:
    """Call the library where neither its folder nor the home can be written."""
    shutil.rmtree(environment.folder / "fastsoftmax" / "__pycache__" / "kernels", ignore_errors=True)
    command = [*ordinary(), environment.python, "-W", "always::RuntimeWarning", "-c", code]
    places = variables(HOME=str(home), PYTHONPATH=str(environment.folder))
    with unwritable(environment.folder, home):
        ran = subprocess.run(command, cwd=home, env=places, text=True, capture_output=True, check=False)
    _check_uncached(ran)
    assert not list(home.iterdir())
    assert not (environment.folder / "fastsoftmax" / "__pycache__" / "kernels").exists()


def try_full_disk(environment: Environment, disk: Path, code: str = SOFTMAX_AND_SAMPLE) -> None:
    """Call the library with its cache on a disk that is full: nothing half written may be left."""
    if not shutil.which("unshare"):
        raise SkipError("there is no unshare, hence no full disk")
    alone = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    command = [*alone, "sh", "-c", FULL_DISK, "sh", disk, environment.python, code]
    places = variables(PYTHONPATH=str(environment.folder))
    ran = subprocess.run(command, cwd=disk, env=places, text=True, capture_output=True, check=False)
    if ran.returncode == NO_MOUNT or ran.stderr.startswith("unshare: "):
        raise SkipError(f"nothing can be mounted: {ran.stderr.strip()}")
    _check_uncached(ran)
    assert ".pickle" not in ran.stdout, ran.stdout


def _check_uncached(ran: "subprocess.CompletedProcess[str]") -> None:
    """Check that the results are right and that one warning said what is amiss."""
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert "[0.268941421" in ran.stdout, ran.stdout
    assert ran.stderr.count(WARNING) == 1, ran.stderr[-4000:]


def by_threads(environment: Environment, folder: Path) -> str:
    """Call everything from many threads at once, without the GIL that an extension module of another may ask for."""
    command = [environment.python, "-W", "error", "-m", threads.__name__, str(threads.SECONDS)]
    return f"{threads.THREADS} threads: {finished(command, variables(PYTHON_GIL='0'), folder).strip()}"


def tried(built: Path, interpreter: Path, pins: list[str], folder: Path) -> str:
    """Install, try, and say what was seen."""
    for name in ("home", "disk", "tests"):
        (folder / name).mkdir()
    environment = install(built, interpreter, pins, folder / "environment")
    seen = [suite(environment, folder / "tests")]
    for what, attempt, place in (("read-only", try_read_only, "home"), ("full disk", try_full_disk, "disk")):
        try:
            attempt(environment, folder / place)
            seen.append(f"{what} ok")
        except SkipError as reason:
            seen.append(f"{what} not tried ({reason})")
    if interpreter.name.endswith("t"):
        seen.append(by_threads(environment, folder / "tests"))
    return f"({environment.versions}): {', '.join(seen)}"


def run(progress: Progress, names: Iterable[str] = COMBINATIONS) -> str:
    """Try the combinations, or the named ones of them, as many at once as there are cores."""
    found, names, failed = interpreters(), list(names), list[str]()

    def outcome(name: str) -> str:
        interpreter, pins = found.get(name.split()[0]), oldest() if name == OLDEST else []
        if interpreter is None:
            return f"{name}: not tried (no such Python here)"
        with tempfile.TemporaryDirectory(dir=folder) as place:
            try:
                return f"{name} {tried(built, interpreter, pins, Path(place))}"
            except AssertionError as error:  # the others are tried all the same
                failed.append(name)
                return f"{name}: {error}"

    seen = list[str]()
    with tempfile.TemporaryDirectory(prefix="ein Ort é ") as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        built = wheel(Path(folder))
        for said in pool.map(outcome, names):
            seen.append(said)
            progress(len(seen) / len(names))
    assert not failed, "\n".join(seen)
    if not any("passed" in one for one in seen):
        raise SkipError("; ".join(seen))
    return "; ".join(seen)


CHECK = Check(
    name="installs",
    promise="It works as installed on every Python, numpy and numba admitted, also with nowhere to keep its kernels.",
    quick="tests/everywhere/test_jit.py, tests/docs/test_package.py",
    run=run,
)
