"""The suite itself leaves the machine as it found it."""

from pathlib import Path

from given.folders import open_to_the_servers


def test_a_folder_that_everybody_writes_to_stays_one(tmp_path: Path) -> None:
    everybodys, ours = tmp_path / "everybodys", tmp_path / "everybodys" / "ours" / "server"
    ours.mkdir(parents=True)
    everybodys.chmod(0o1777)
    ours.parent.chmod(0o700)
    open_to_the_servers(ours)
    assert everybodys.stat().st_mode & 0o7777 == 0o1777
    assert ours.parent.stat().st_mode & 0o7777 == 0o755
