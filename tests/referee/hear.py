"""Hear Celery's own integration suite over stock Celery and over the ledger, and compare: `make referee`.

The ledger must fail nothing that stock Celery passes on the same machine. It takes about half an hour, mostly waiting.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import redis
from cryptography.fernet import Fernet

from embedded import Postgres, Valkey
from ledger.migrate import upgrade

HERE = Path(__file__).parent
EXEMPT: dict[str, str] = tomllib.loads((HERE / "exempt.toml").read_text())
SUITE = ("test_canvas.py", "test_group_chains.py", "test_tasks.py")
_INI = """[pytest]
addopts = --strict-markers -p no:cacheprovider
python_classes = test_*
xfail_strict = true
markers = sleepdeprived_patched_module
    masked_modules
    patched_environ
    patched_module
    flaky
    amqp
"""
_TRIES = 3  # Celery marks these tests as flaky with five reruns; a test that passes once when alone is called unsteady
_EACH = 150  # seconds that one test may take


@dataclass
class Side:
    """One of the two that are compared: its servers, its copy of the suite, what it passed."""

    name: str
    folder: Path
    environment: dict[str, str]
    leaves_out: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        """What pytest said."""
        return self.folder / "log.txt"

    def start(self, tests: list[str], report: Path, words: str) -> "subprocess.Popen[bytes]":
        """Start pytest over some tests."""
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pytest", "-v", "--tb=short", f"--timeout={_EACH}", f"--junitxml={report}",
                 *(["-k", words] if words else []), *(f"--deselect={name}" for name in self.leaves_out), *tests],
                cwd=self.folder, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip

    def heard(self) -> int:
        """How many tests have ended so far."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return sum("[" in line and "%]" in line for line in lines)


def main() -> int:
    """Run both sides, repeat what differs, and print the difference of the sets."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", default=SUITE, help="files of Celery's t/integration")
    asked.add_argument("-k", dest="words", default="not stamp", help="as pytest's -k")
    asked.add_argument("--keep", type=Path, help="a folder that keeps the logs")
    told = asked.parse_args()
    folder = told.keep or Path(tempfile.mkdtemp(prefix="lockgate-referee-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    suite = _fetch(folder)
    valkeys = [Valkey(folder / f"valkey-{name}") for name in ("stock", "ledger")]
    postgres = Postgres(folder / "postgres", settings={"fsync": "off"})
    try:
        for server in (postgres, *valkeys):
            server.start()
        upgrade(postgres.url)
        stock, ours = (
            _side(name, folder, suite, valkey, postgres.url)
            for name, valkey in zip(("stock", "ledger"), valkeys, strict=True)
        )
        return _compare(stock, ours, [f"t/integration/{name}" for name in told.files], told.words)
    finally:
        for server in (*valkeys, postgres):
            server.stop()
        print(f"logs: {folder}")


def _fetch(folder: Path) -> Path:
    """Celery's source distribution, of the version that is installed, through pip."""
    wanted = f"celery=={version('celery')}"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
         "--dest", str(folder), wanted],
        check=True,
    )  # fmt: skip
    with tarfile.open(next(folder.glob("celery-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.glob("celery-*") if path.is_dir()) / "t"


def _side(name: str, folder: Path, suite: Path, valkey: Valkey, database_url: str) -> Side:
    """A copy of the suite with one root conftest, and a Redis without a password, as the suite expects it."""
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("requirepass", "")
    home = folder / name
    shutil.copytree(suite, home / "t", dirs_exist_ok=True)
    shutil.copy(HERE / ("stock.py" if name == "stock" else "over_the_ledger.py"), home / "conftest.py")
    (home / "pytest.ini").write_text(_INI)
    url = f"redis://127.0.0.1:{valkey.port}/0"
    environment = os.environ | {
        "TEST_BROKER": url, "TEST_BACKEND": url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(valkey.port),
        "LOCKGATE_DATABASE_URL": database_url, "LOCKGATE_REDIS_URL": url,
        "LOCKGATE_DATA_KEY": Fernet.generate_key().decode(),
    }  # fmt: skip
    return Side(name, home, environment, () if name == "stock" else tuple(EXEMPT))


def _compare(stock: Side, ours: Side, tests: list[str], words: str) -> int:
    report = Path("report.xml")
    running = [(side, side.start(tests, side.folder / report, words)) for side in (stock, ours)]
    while any(process.poll() is None for _, process in running):
        told = "   ".join(f"{side.name}: {side.heard()} heard" for side, _ in running)
        print(f"\r{told}", end="", flush=True)
        time.sleep(1)
    print()
    theirs, mine = (_results(side.folder / report) for side in (stock, ours))
    different = sorted(name for name, passed in theirs.items() if passed and not mine.get(name, False))
    excused = {name: why for name in different if (why := _reason(name))}
    left = [name for name in different if name not in excused]
    unsteady = [name for name in left if _passes_alone(ours, name)]
    failing = [name for name in left if name not in unsteady]
    for title, names in (("unsteady (passes when alone)", unsteady), ("FAILS over the ledger only", failing)):
        for name in names:
            print(f"{title}: {name}")
    for name, why in excused.items():
        print(f"does not apply: {name} ({why})")
    for name in sorted(name for name, passed in mine.items() if passed and not theirs.get(name, False)):
        print(f"passes over the ledger only: {name}")
    print(f"stock passes {sum(theirs.values())} of {len(theirs)}; the ledger {sum(mine.values())} of {len(mine)}")
    return 1 if failing or not theirs else 0


def _results(report: Path) -> dict[str, bool]:
    """Which tests passed; those that were skipped or expected to fail are in neither set."""
    found: dict[str, bool] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  pytest wrote it
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("skipped") is None:
            found[name] = found.get(name, True) and case.find("failure") is None and case.find("error") is None
    return found


def _node(name: str) -> str:
    """A test as pytest knows it, from its name in the report."""
    parts = name.split(".")
    at = next(number for number, part in enumerate(parts) if part.startswith("test_"))
    return "/".join(parts[: at + 1]) + ".py::" + "::".join(parts[at + 1 :])


def _reason(name: str) -> str | None:
    return next((why for begins, why in EXEMPT.items() if _node(name).startswith(begins)), None)


def _passes_alone(side: Side, name: str) -> bool:
    return any(side.start([_node(name)], side.folder / "again.xml", "").wait() == 0 for _ in range(_TRIES))


if __name__ == "__main__":
    sys.exit(main())
