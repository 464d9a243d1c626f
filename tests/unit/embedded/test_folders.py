"""Servers of tests live where no other run of the tests can shut them out."""

from pathlib import Path

from given.folders import for_servers


def test_a_folder_for_servers_is_open_to_their_account_and_gone_afterwards(tmp_path: Path) -> None:
    with for_servers() as folder:
        assert folder.stat().st_mode & 0o055 == 0o055
        assert not folder.is_relative_to(tmp_path.parent)  # which the next run closes
        (folder / "left").write_text("behind")
    assert not folder.exists()
