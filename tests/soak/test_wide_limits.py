"""The soak with wide limits: the files of its run, and nobody else's, are written anew."""

from pathlib import Path

from soak.subject import files


def test_limits_are_widened_and_calls_at_once_are_not(tmp_path: Path) -> None:
    (tmp_path / files.CUT).mkdir()
    bare = """
        name = "bare"
        adapter = "soak.subject.plain"
        base_url = "https://bare.example"
        queues = ["bare"]
        [retry]
        [kinds.send_ping]
        means = "X"
    """
    (tmp_path / files.CUT / "bare.toml").write_text(bare)  # with no limits of its own
    before = files.read(tmp_path)
    files.widen(tmp_path, 500)
    after = files.read(tmp_path)
    assert after.keys() == before.keys() == {"stripe", "postmark", "plain", "bare"}
    for name, file in before.items():
        if name != "bare":
            assert after[name].traffic.calls_per_minute == 500 * file.traffic.calls_per_minute
        assert [limit.concurrent for limit in after[name].limits] == [limit.concurrent for limit in file.limits]
        assert [limit.calls for limit in after[name].limits] == [
            limit.calls and 500 * limit.calls for limit in file.limits
        ]
        assert (after[name].retry, after[name].kinds) == (file.retry, file.kinds)
