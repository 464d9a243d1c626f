"""`lockgate explain`: what happens on an answer, or on none, and which key of which file says so."""

from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import Verb, as_json

if TYPE_CHECKING:
    from integrations.explain import Explanation, Key


@click.command(cls=Verb)
@click.argument("provider")
@click.argument("status")
@click.option("--kind", help="Only this kind, such as take_payment.")
@click.option("--body", metavar="JSON", help="What the answer says beside its status, as you saw it.")
@as_json
def explain(provider: str, status: str, *, kind: str | None, body: str | None, as_json: bool) -> None:
    """Say what happens when PROVIDER answers STATUS now: 503, 429, 402 … or timeout, reset, refused, dns, tls."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from integrations.explain import explain as explained

    registry = Deployment().registry
    found = registry.provider(provider)
    wanted = f"{provider}.{kind.removeprefix(f'{provider}.')}" if kind else None
    kinds = (
        [registry.kind(wanted)] if wanted else [bound for bound in registry.kinds.values() if bound.provider is found]
    )
    explanation = explained(found, kinds, status, body=body)
    if as_json:
        paper.write_json(explanation)
    else:
        _write(explanation)


def _write(found: "Explanation") -> None:
    from admin.cli import paper

    head = (
        f"{found.provider}: {found.status}"
        if found.body is None
        else f"{found.provider} answers {found.status} {found.body}"
    )
    click.secho(head, bold=True)
    judges = dict.fromkeys(one.judge for one in found.courses)
    paper.facts({"judged by": "; ".join(judges), "on a read": found.read, "breaker": _breaker(found)})
    click.echo()
    columns = ("kinds", "means", "heard", "class", "effect", "at first", "at the last attempt")
    paper.table(columns, [(", ".join(kinds), *course) for course, kinds in _alike(found).items()], title="on a write")
    click.echo()
    keys = [(one.kind, key) for one in found.courses for key in one.keys]
    keys += [("the breaker", key) for key in found.breaker]
    if keys:
        paper.table(
            ("for", "key", "value", ""), [_key(whom, key) for whom, key in _merged(keys)], title=f"says {found.file}"
        )


def _alike(found: "Explanation") -> dict[tuple[Any, ...], list[str]]:
    """Kinds that fare alike share a line."""
    lines: dict[tuple[Any, ...], list[str]] = {}
    for one in found.courses:
        last = "the same" if one.last == one.first else one.last
        course = (one.means, one.heard, one.error_class, one.effect, one.first, last)
        lines.setdefault(course, []).append(one.kind.partition(".")[2])
    return lines


def _breaker(found: "Explanation") -> str:
    return "it counts as a failure" if found.down else "it says nothing of the provider's health"


def _merged(keys: "list[tuple[str, Key]]") -> "list[tuple[str, Key]]":
    """A key of the whole provider is shown once."""
    shown: dict[tuple[str, str], tuple[str, Key]] = {}
    for whom, key in keys:
        own = whom if key.name.startswith("kinds.") else "all"
        shown.setdefault((own, key.name), (own, key))
    return list(shown.values())


def _key(whom: str, key: "Key") -> tuple[Any, ...]:
    return whom, key.name, _value(key), "" if key.written else "(default; the file does not say)"


def _value(key: "Key") -> str:
    from admin.cli.paper import lasting

    values = key.value if isinstance(key.value, tuple) else (key.value,)
    return ", ".join(lasting(value) if key.unit == "s" else str(value) for value in values)
