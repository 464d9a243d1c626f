"""The private and the undocumented in Celery on which tasks/ stands: each test says what would break with it.

They fail when a new version of Celery has moved something; then read the test's name, and the module it speaks of.
"""

import inspect
from typing import Any

import pytest
from celery import Celery, Task, states
from celery.app import trace
from celery.app.amqp import AMQP
from celery.app.control import Control
from celery.backends.base import Backend, KeyValueStoreBackend
from celery.utils.functional import _regen, regen
from celery.worker import components, request
from celery.worker import state as worker_state
from celery.worker.request import Request
from given.deployment import Deployment, eventually
from given.payments import pay
from kombu.utils.imports import symbol_by_name

from ledger.due import Hint
from tasks.app import Lockgate, app
from tasks.publishing import post
from tasks.request import LedgerRequest
from tasks.results import LedgerBackend
from tasks.revoke import LedgerControl
from tasks.sender import LedgerAMQP
from tasks.sweep import SweepStep
from tasks.task import LedgerTask

PAY = "tasks.payments.take_payment"

OVERRIDES: list[tuple[type, type, str, str]] = [
    (LedgerAMQP, AMQP, "_create_task_sender", "messages would go out without a row"),
    (LedgerControl, Control, "revoke", "a revocation would be lost with the workers' memory"),
    (LedgerRequest, Request, "revoked", "the worker's memory would decide, not the row"),
    (LedgerRequest, Request, "on_failure", "a lost child would be told as a failure"),
    (LedgerRequest, Request, "on_timeout", "a child killed by a hard limit would be told as a failure"),
    (LedgerRequest, Request, "send_event", "Flower would show what tasks return"),
    (LedgerTask, Task, "__call__", "a body would run without its claim"),
    (Lockgate, Celery, "register_task", "a class on Celery's Task would run on a bare hint"),
    (Lockgate, Celery, "_task_from_fun", "a base class on Celery's Task would run on a bare hint"),
    (LedgerBackend, Backend, "on_task_call", "a call would wait for Redis before it reached the ledger"),
    (LedgerBackend, KeyValueStoreBackend, "_get_task_meta_for", "AsyncResult would say PENDING for ever"),
    (LedgerBackend, KeyValueStoreBackend, "get_many", "a group's get() would wait for ever"),
    (LedgerBackend, KeyValueStoreBackend, "wait_for", "get() would look only twice a second"),
    (LedgerBackend, Backend, "store_result", "Celery would overwrite what the ledger knows"),
    (LedgerBackend, Backend, "mark_as_done", "what follows a success would be sent again and again"),
    (LedgerBackend, Backend, "mark_as_failure", "what follows a failure would be sent again and again"),
    (LedgerBackend, KeyValueStoreBackend, "apply_chord", "chords would be polled by chord_unlock"),
    (LedgerBackend, Backend, "set_chord_size", "no chord would ever be complete"),
    (LedgerBackend, Backend, "add_to_chord", "a member that was replaced by a group would not be counted"),
    (LedgerBackend, KeyValueStoreBackend, "on_chord_part_return", "no chord would ever be complete"),
]


@pytest.mark.parametrize(("ours", "theirs", "name", "else_"), OVERRIDES)
def test_what_we_replace_is_there_and_is_called_as_ours_can_be(ours: type, theirs: type, name: str, else_: str) -> None:
    assert name in vars(ours), else_
    stock = getattr(theirs, name, None)
    assert stock is not None, f"Celery has no {theirs.__name__}.{name} any more: {else_}"
    ours_takes = inspect.signature(getattr(ours, name)).parameters
    kinds = {parameter.kind for parameter in ours_takes.values()}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return
    stock_takes = inspect.signature(stock).parameters.values()
    named = [one.name for one in stock_takes if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    missing = [one for one in named if one not in ours_takes and inspect.Parameter.VAR_KEYWORD not in kinds]
    assert missing == [], f"Celery gives {theirs.__name__}.{name} more than ours takes: {else_}"


@pytest.mark.usefixtures("deployment")
def test_every_message_leaves_through_the_sender_that_we_make() -> None:
    assert isinstance(app.amqp, LedgerAMQP)
    assert app.amqp.send_task_message.__qualname__.startswith("LedgerAMQP._create_task_sender")
    assert "self.amqp" in inspect.getsource(Celery.send_task) or "amqp = self.amqp" in inspect.getsource(
        Celery.send_task
    )


def test_a_message_is_headers_properties_body_and_event_and_its_body_has_three_parts() -> None:
    made = app.amqp.as_task_v2("an-id", "a.task", (1,), {"two": 2}, chain=[], callbacks=None, create_sent_event=True)
    assert made._fields == ("headers", "properties", "body", "sent_event")
    args, kwargs, embed = made.body
    assert (list(args), kwargs, set(embed)) == ([1], {"two": 2}, {"callbacks", "errbacks", "chain", "chord"})
    wanted = {"id", "task", "eta", "expires", "retries", "timelimit", "group", "parent_id", "root_id", "ignore_result"}
    assert wanted <= made.headers.keys()
    assert {"args", "kwargs"} <= made.sent_event.keys(), "task-sent would show arguments under another name"


def test_the_worker_calls_a_task_through_its_trace_attribute() -> None:
    heard: list[Any] = []

    class Probe(LedgerTask):
        name = "contract.probe"

    probe = Probe()
    probe.bind(app)
    probe._tracer = lambda *told: heard.append(told) or trace.trace_ok_t(None, None, 0.0, None)
    trace.trace_task(probe, "an-id", (), {}, {"id": "an-id"}, app=app)
    assert [told[0] for told in heard] == ["an-id"], "bodies would run without asking the ledger"


def test_a_tracer_is_what_celery_builds_and_answers_in_four_parts() -> None:
    assert trace.trace_ok_t._fields == ("retval", "info", "runtime", "retstr")
    assert list(inspect.signature(trace.TraceInfo).parameters)[:2] == ["state", "retval"]
    assert "__trace__ = build_tracer" in inspect.getsource(trace)
    assert states.IGNORED == "IGNORED"


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_hint_that_means_nothing_is_over_for_the_worker_and_no_error(deployment: Deployment, pool: str) -> None:
    ghosts = [Hint(f"00000000-0000-7000-8000-{n:012}", PAY, "stripe", 0, "default", "stripe") for n in range(5)]
    assert post(deployment.platform, ghosts)
    worker = deployment.worker(pool=pool, concurrency=1)
    deployment.ends(pay("after-them").id)  # one slot, so after them
    assert "Traceback" not in worker.log.read_text()
    inspected = app.control.inspect(timeout=5.0)
    # the ledger knows of the end before the worker does, and the sweep of a new one hints once more
    eventually(lambda: [len(active) for active in (inspected.active() or {}).values()] == [0])


def test_the_workers_main_process_makes_requests_of_our_class_and_asks_them() -> None:
    source = inspect.getsource(request.create_request_cls)
    for asked in ("self.revoked()", "self.time_limits", "self.on_failure", "self.on_timeout"):
        assert asked in source, f"{asked} is not asked any more"
    assert "self.time_limits = timelimit" in inspect.getsource(Request.__init__)
    assert "task.Request" in inspect.getsource(__import__("celery.worker.strategy", fromlist=["default"]))
    assert isinstance(worker_state.revoked_stamps, dict)
    assert callable(worker_state.task_ready)


def test_the_sweep_starts_after_the_pool_with_every_worker() -> None:
    assert "tasks.sweep:SweepStep" in {str(step) for step in app.steps["worker"]}
    assert [symbol_by_name(name) for name in SweepStep.requires] == [components.Pool]


def test_a_generator_in_a_chords_header_can_be_told_from_a_list() -> None:
    assert isinstance(regen(number for number in range(3)), _regen)
    assert not isinstance(regen([1, 2, 3]), _regen)


def test_every_task_that_celery_brings_is_carried_out_through_the_ledger() -> None:
    app.finalize()
    assert [name for name, task in app.tasks.items() if not isinstance(task, LedgerTask)] == []


def _is_deployed(task: Any, deployment: Deployment) -> bool:
    kind = getattr(task, "kind_name", None)
    return kind is None or kind in deployment.platform.registry.kinds


def test_a_worker_without_a_choice_reads_every_providers_queues(deployment: Deployment) -> None:
    read = set(app.amqp.queues.consume_from)
    declared = {queue for provider in deployment.platform.registry.providers.values() for queue in provider.file.queues}
    assert declared <= read
    # Another test in this process may have imported tasks of kinds that this deployment has not.
    known = {name: task for name, task in app.tasks.items() if _is_deployed(task, deployment)}
    routed = {app.amqp.router.route({}, name, (), {}, task)["queue"].name for name, task in known.items()}
    assert routed <= read
