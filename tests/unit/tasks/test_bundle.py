"""Several hints in one message: who shares one, how large it is, and what a worker reads in it."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.due import Hint
from operations import keys
from tasks import bundle, hint
from tasks.broker import Channel, Message, QoS
from tasks.publishing import put_back

PAY = "tasks.payments.take_payment"


def hints(count: int, **more: Any) -> list[Hint]:
    return [replace(Hint(keys.new_name(), PAY, "stripe", 0, "default", "stripe"), **more) for _ in range(count)]


def written(*of: Hint, **more: Any) -> list[dict[str, Any]]:
    return [json.loads(raw) for messages in bundle.messages(of, **more).values() for raw in messages]


def named(message: dict[str, Any]) -> list[str]:
    return [message["headers"]["id"], *bundle.others(message["headers"])]


@pytest.mark.parametrize("count", [1, 2, 7, 30, 100, 500])
def test_every_hint_is_in_one_message_and_no_message_is_too_large(count: int) -> None:
    asked = hints(count)
    raw = bundle.messages(asked)["stripe"]
    assert max(map(len, raw)) <= hint.LARGEST
    assert [ticket for message in raw for ticket in named(json.loads(message))] == [one.ticket_id for one in asked]


def test_many_hints_take_few_messages_and_few_are_left_to_several_workers() -> None:
    assert len(written(*hints(500))) == 500 / bundle.MOST
    assert [len(named(message)) for message in written(*hints(4))] == [1, 1, 1, 1]


def test_names_that_are_long_make_smaller_bundles() -> None:
    asked = hints(50, tenant="t" * 64, provider="p" * 40, queue="q" * 60, task="shop.tasks." + "n" * 90)
    raw = bundle.messages(asked)["q" * 60]
    assert max(map(len, raw)) <= hint.LARGEST
    assert sum(len(named(json.loads(message))) for message in raw) == len(asked)


@pytest.mark.parametrize("apart", [{"tenant": "acme"}, {"task": "shop.other"}, {"queue": "slow"}, {"priority": 9}])
def test_what_differs_in_anything_but_its_ticket_is_in_another_message(apart: dict[str, Any]) -> None:
    one_kind, another = hints(40), hints(40, **apart)
    for message in written(*one_kind, *another):
        assert {ticket in {one.ticket_id for one in one_kind} for ticket in named(message)} in ({True}, {False})


@pytest.mark.parametrize("alone", [{"alone": True}, {"lapsed": True}, {"probe": True}, {"provider": "local"}])
def test_what_must_be_looked_at_by_itself_is_in_no_bundle(alone: dict[str, Any]) -> None:
    assert all(not bundle.others(message["headers"]) for message in written(*hints(40, **alone)))


def test_an_id_that_somebody_chose_is_in_no_bundle() -> None:
    asked = [*hints(40), *hints(1, ticket_id="invoice-7"), *hints(1, ticket_id=keys.new_name().upper())]
    assert sorted(ticket for message in written(*asked) for ticket in named(message)) == sorted(
        one.ticket_id for one in asked
    )


def test_with_headers_of_its_own_each_has_a_message_of_its_own() -> None:
    assert len(written(*hints(40), more={"traceparent": "00-a-b-01"})) == 40


@pytest.mark.parametrize(
    "others", ["", "not base64!", "AAAA", 7, None, ["a"], "A" * 1_000_000], ids=lambda value: str(value)[:12]
)
def test_what_somebody_else_wrote_there_names_nothing(others: Any) -> None:
    assert bundle.others({"id": "x", hint.HEADER: {"v": 1, "others": others}}) == []
    assert bundle.others({"id": "x"}) == []


def test_a_worker_counts_hints_and_not_messages() -> None:
    qos = QoS(SimpleNamespace(do_restore=False), 5)  # slots; two hints for each
    qos.append("a message", "tag")
    assert (qos.can_consume(), qos.can_consume_max_estimate()) == (True, 9)
    qos.hold(24)
    assert (qos.can_consume(), qos.can_consume_max_estimate()) == (False, 0)
    for _ in range(20):
        qos.release()
    assert qos.can_consume_max_estimate() == 5
    assert QoS(SimpleNamespace(do_restore=False)).can_consume_max_estimate() is None


def test_a_worker_asks_again_when_more_than_half_of_what_it_takes_ahead_is_begun() -> None:
    qos, woken = QoS(SimpleNamespace(do_restore=False), 4), []  # slots; two hints for each: four ahead
    qos.wake = lambda: woken.append(qos.can_consume_max_estimate())
    for tag in ("one", "two"):
        qos.append("a message", tag)
    qos.hold(6)
    assert not qos.can_consume()
    qos.release()
    qos.ack("one")
    assert (woken, qos.can_consume()) == ([], False)  # six are left, for four slots
    qos.release()
    qos.ack("two")
    assert (woken, qos.can_consume()) == ([3], True)  # once, until the loop finds no room again
    assert qos.largest == 7


def test_who_makes_the_last_room_while_the_loop_looks_for_it_wakes_the_loop() -> None:
    class Slow(QoS):
        """The only hint in hand is begun while the loop looks."""

        def _hungry(self) -> bool:
            found = super()._hungry()
            if not found and woken == [None]:
                woken.clear()
                self.ack("tag")
            return found

    woken: list[Any] = [None]
    qos = Slow(SimpleNamespace(do_restore=False), 1)
    qos.wake = lambda: woken.append("woken")
    qos.hold(1)
    qos.append("a message", "tag")
    assert not qos.can_consume()
    assert woken == ["woken"]


def test_what_is_put_back_is_in_as_few_messages_as_it_came_in_and_in_front() -> None:
    pushed: list[tuple[str, ...]] = []

    def command(*parts: str) -> int:
        pushed.append(parts)
        return len(parts)

    crowd = SimpleNamespace(saw=lambda *_: None)
    outlet: Any = SimpleNamespace(wire=SimpleNamespace(command=command), crowd=crowd)
    put_back(outlet, hints(30))
    ((how, key, *messages),) = pushed
    assert (how, key) == ("RPUSH", "stripe")
    assert [len(named(json.loads(raw))) for raw in messages] == [
        5,
        25,
    ]  # the last that is pushed is the first to be taken


def test_a_hint_goes_back_to_its_queue_as_it_was() -> None:
    for raw in (*written(*hints(1)), *written(*hints(500))[:1]):
        message = Message(raw, channel=object.__new__(Channel))
        assert message.payload == ([], {}, {})
        assert message.serializable() == raw
