"""Messages that nobody of ours would write, as bytes for Redis."""

import base64
import json
import os
import pickle
import uuid
from pathlib import Path
from typing import Any

TASK = "tasks.payments.take_payment"


class _Canary:
    """Whoever unpickles this makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.open, (str(self._path), os.O_CREAT | os.O_WRONLY)


def envelope(body: bytes, *, queue: str = "stripe", kind: str = "application/json", **more: Any) -> bytes:
    """A message as kombu would write it, around any body."""
    headers = {"lang": "py", "task": TASK, "id": str(uuid.uuid4()), "root_id": None, "argsrepr": "", "kwargsrepr": ""}
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": kind,
            "headers": headers,
            "properties": {
                "correlation_id": str(uuid.uuid4()), "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": queue}, "delivery_tag": str(uuid.uuid4()),
            },
        } | more
    ).encode()  # fmt: skip


def hint(queue: str = "stripe", about: Any = None, **headers: Any) -> bytes:
    """A hint of ours, with something else in it."""
    whole = json.loads(envelope(json.dumps([[], {}, {}]).encode(), queue=queue))
    whole["headers"] |= {"lockgate": about} | headers
    return json.dumps(whole).encode()


def without(message: bytes, *path: str) -> bytes:
    """A message that lacks a part."""
    whole = json.loads(message)
    part = whole
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    return json.dumps(whole).encode()


def hostile(queue: str, canary: Path) -> dict[str, bytes]:
    """One of each, for one queue."""
    fine = envelope(b"[[], {}, {}]", queue=queue)
    pickled = pickle.dumps(_Canary(canary))
    deep = b"[" * 200_000 + b"]" * 200_000
    known = {"v": 1, "provider": "stripe", "tenant": "default", "probe": False, "at": 0}
    return {
        "nothing": b"",
        "random bytes": os.urandom(512),
        "no JSON": b"{nonsense",
        "JSON of another shape": b'["a", 1, null]',
        "a number": b"42",
        "null": b"null",
        "an empty object": b"{}",
        "wrong base64": json.dumps(json.loads(fine) | {"body": "%%%"}).encode(),
        "body that is no text": json.dumps(json.loads(fine) | {"body": {"a": 1}}).encode(),
        "body without end": envelope(b'[[], {}, {"a": ', queue=queue),
        "body of another shape": envelope(b'{"a": 1}', queue=queue),
        "deep body": envelope(deep, queue=queue),
        "deep envelope": deep,
        "deep headers": fine.replace(b'"root_id": null', b'"root_id": ' + deep),
        "pickle": envelope(pickled, queue=queue, kind="application/x-python-serialize"),
        "pickle that says it is JSON": envelope(pickled, queue=queue),
        "yaml": envelope(b"!!python/object/apply:os.system ['true']", queue=queue, kind="application/x-yaml"),
        "unknown content type": envelope(b"x", queue=queue, kind="application/x-nobody"),
        "unknown encoding": json.dumps(json.loads(fine) | {"content-encoding": "klingon"}).encode(),
        "unknown compression": hint(queue, known, compression="klingon"),
        "zip bomb header": hint(queue, known, compression="application/x-gzip"),
        "no headers": without(fine, "headers"),
        "headers that are a list": json.dumps(json.loads(fine) | {"headers": []}).encode(),
        "no properties": without(fine, "properties"),
        "no delivery tag": without(fine, "properties", "delivery_tag"),
        "no delivery info": without(fine, "properties", "delivery_info"),
        "no task": without(fine, "headers", "task"),
        "no id": without(fine, "headers", "id"),
        "an id that is an object": hint(queue, known, id={"a": 1}),
        "an id with a NUL": hint(queue, known, id="a\0b"),
        "an id of half a character": hint(queue, known, id="\ud800"),
        "unknown task": hint(queue, known, task="tasks.nowhere.at_all"),
        "a task that is a number": hint(queue, known, task=7),
        "Celery's own task": hint(queue, known, task="celery.chord_unlock"),
        "a newer hint": hint(queue, known | {"v": 2, "more": [1]}),
        "a hint of no version": hint(queue, {}),
        "a hint that is a text": hint(queue, "lockgate"),
        "a hint of odd values": hint(queue, {"v": [], "provider": {}, "tenant": ["x"], "probe": "p", "at": "soon"}),
        "a hint alone for nobody": hint(queue, known | {"alone": True}),
        "an ETA that is none": hint(queue, known, eta="tomorrow"),
        "an ETA in a thousand years": hint(queue, known, eta="3026-01-01T00:00:00+00:00"),
        "an expiry that is none": hint(queue, known, expires="never"),
        "time limits that are none": hint(queue, known, timelimit="long"),
        "retries that are none": hint(queue, known, retries="many"),
        "protocol 1": envelope(
            json.dumps({"task": TASK, "id": "x", "args": [], "kwargs": {}}).encode(), queue=queue, headers={}
        ),
        "fifty megabytes": envelope(b'[["' + b"x" * 50_000_000 + b'"], {}, {}]', queue=queue),
        "fifty megabytes of noise": os.urandom(50_000_000),
    }


def broadcasts(canary: Path) -> dict[str, bytes]:
    """For the channels of control and events."""
    pickled = pickle.dumps(_Canary(canary))
    tell = {"method": "nobody_knows", "arguments": {"a": [1]}, "destination": None}
    return {
        "nothing": b"",
        "random bytes": os.urandom(512),
        "no JSON": b"{nonsense",
        "a number": b"42",
        "null": b"null",
        "an empty object": b"{}",
        "pickle": envelope(pickled, queue="", kind="application/x-python-serialize"),
        "pickle that says it is JSON": envelope(pickled, queue=""),
        "unknown order": envelope(json.dumps(tell).encode(), queue=""),
        "order of another shape": envelope(b"[1, 2]", queue=""),
        "order that is a number": envelope(b"7", queue=""),
        "order without a method": envelope(b'{"arguments": {}}', queue=""),
        "order with odd arguments": envelope(json.dumps(tell | {"method": "ping", "arguments": 7}).encode(), queue=""),
        "reply to nobody": envelope(
            json.dumps(tell | {"method": "ping", "reply_to": {"exchange": "x"}, "ticket": []}).encode(), queue=""
        ),
        "deep order": envelope(b"[" * 200_000 + b"]" * 200_000, queue=""),
        "deep envelope": b"[" * 200_000 + b"]" * 200_000,
        "an event": envelope(json.dumps({"type": "task-nonsense", "uuid": {}}).encode(), queue=""),
        "fifty megabytes": os.urandom(50_000_000),
    }
