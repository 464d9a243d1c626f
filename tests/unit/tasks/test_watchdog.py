from dataclasses import replace

from tasks.watchdog import Hearing, Look, Verdict

PATIENCE = 20.0


def looks(hearing: Hearing, look: Look, *, seconds: int) -> list[tuple[float, Verdict]]:
    """What is judged of the same sight, every two seconds; only what is not well."""
    judged = [(at, hearing.judge(replace(look, now=float(at)))) for at in range(int(look.now) + 2, seconds + 1, 2)]
    return [(at, verdict) for at, verdict in judged if verdict is not Verdict.WELL]


SILENT = Look(now=0.0, listening=True, answered_at=0.0, received=0, waiting=False)


def test_silence_is_cut_after_the_patience_and_ended_after_as_much_again() -> None:
    assert looks(Hearing(PATIENCE, 0.0), SILENT, seconds=40) == [(20, Verdict.CUT), (40, Verdict.END)]


def test_a_deaf_worker_is_replaced_within_a_minute() -> None:
    *_, (at, verdict) = looks(Hearing(PATIENCE, 0.0), SILENT, seconds=60)
    assert verdict is Verdict.END
    assert at <= 60


def test_messages_that_lie_there_while_nothing_comes_are_deafness_though_redis_answers() -> None:
    hearing = Hearing(PATIENCE, 0.0)
    judged = [
        hearing.judge(Look(float(at), listening=True, answered_at=float(at), received=7, waiting=True))
        for at in range(0, 24, 2)
    ]
    assert judged.count(Verdict.CUT) == 1


def test_an_idle_worker_that_redis_answers_is_well_for_ever() -> None:
    hearing = Hearing(PATIENCE, 0.0)
    for at in range(0, 200, 2):
        look = Look(float(at), listening=True, answered_at=at - 1.0, received=0, waiting=False)
        assert hearing.judge(look) is Verdict.WELL


def test_time_in_which_it_should_not_listen_does_not_count() -> None:
    hearing = Hearing(PATIENCE, 0.0)
    assert looks(hearing, replace(SILENT, listening=False), seconds=100) == []
    assert looks(hearing, replace(SILENT, now=100.0), seconds=118) == []


def test_a_worker_that_was_stopped_for_a_while_is_not_deaf_when_it_wakes() -> None:
    hearing = Hearing(PATIENCE, 0.0)
    assert hearing.judge(replace(SILENT, now=60.0)) is Verdict.WELL
    assert looks(hearing, replace(SILENT, now=60.0), seconds=78) == []


def test_who_hears_again_after_the_cut_is_cut_anew_before_it_is_ended() -> None:
    hearing = Hearing(PATIENCE, 0.0)
    assert looks(hearing, SILENT, seconds=20) == [(20, Verdict.CUT)]
    assert looks(hearing, replace(SILENT, now=20.0, answered_at=21.0), seconds=40) == []
    assert looks(hearing, replace(SILENT, now=40.0, answered_at=21.0), seconds=60) == [(42, Verdict.CUT)]
