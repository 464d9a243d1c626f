"""What is installed is whole: setuptools skips what it was not told of, without a word."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from given.documents import ROOT, text, tracked

PACKAGES = set(tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["root_packages"])


def test_a_wheel_holds_every_file_of_every_package_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ours = {name for name in tracked() if Path(name).parts[0] in PACKAGES and Path(name).suffix != ".md"}
    assert packed == ours
