"""What the README says is carried out: its code by a real worker, its commands looked up where they are defined."""

import re
import shlex

import click
import pytest
from given.deployment import Deployment
from given.documents import ROOT, blocks, documents, text

from admin.cli.main import main as lockgate
from soak import __main__ as soak


def test_the_code_of_the_readme_runs_as_it_stands(deployment: Deployment) -> None:
    deployment.worker()
    names: dict[str, object] = {}
    for block in blocks("README.md", "python"):
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102  its own words are what is tried
    charges = [effect for effect in deployment.sandbox.effects() if effect["effect"] == "charge" and effect["standing"]]
    assert len(charges) == 1
    assert len([effect for effect in deployment.sandbox.effects() if effect["effect"] == "email"]) == 1


def targets() -> dict[str, str]:
    """Every target of the Makefile that has a name, with what its `##` comment says."""
    found = re.findall(r"^([a-z][a-z-]*):(?!=)(.*)$", text("Makefile"), re.MULTILINE)
    return {name: rest.partition("## ")[2] for name, rest in found}


def test_every_target_of_the_makefile_says_what_it_makes() -> None:
    assert [name for name, said in targets().items() if not said] == []
    phony = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(targets())


def said(pattern: str) -> list[tuple[str, str]]:
    """Where documents say a command, in code of either kind."""
    found = []
    for path in documents():
        content = path.read_text()
        for code in re.findall(r"`([^`\n]+)`", content) + re.findall(r"```sh\n(.*?)```", content, re.DOTALL):
            found += [(str(path.relative_to(ROOT)), line) for line in re.findall(pattern, code, re.MULTILINE)]
    return found


def test_every_target_that_a_document_names_is_one() -> None:
    named = said(r"\bmake ([a-z-]+)")
    assert {("README.md", name) for name in ("run", "test", "chaos", "demo", "bench")} <= set(named)
    assert [(where, name) for where, name in named if name not in targets()] == []


def alternatives(words: list[str]) -> list[list[str]]:
    """`requeue | resolve | discard` names three commands."""
    if "|" not in words:
        return [words]
    at = words.index("|")
    first = at - 1
    last = first
    while last + 2 < len(words) and words[last + 1] == "|":
        last += 2
    return [[*words[:first], words[one], *words[last + 1 :]] for one in range(first, last + 1, 2)]


@pytest.mark.parametrize(("where", "line"), sorted(set(said(r"^(?:.*\$\()?(lockgate [^#)\n]+)"))))
def test_every_command_that_a_document_shows_is_one(where: str, line: str) -> None:
    for words in alternatives(shlex.split(line.replace("…", ""))[1:]):
        command: click.Command = lockgate
        context = click.Context(lockgate)
        while isinstance(command, click.Group) and words:
            found = command.get_command(context, words[0])
            if words[0].startswith("-"):
                break
            if found is None and words[0].isupper():  # a name of something, before the verb
                words.pop(0)
                continue
            assert found is not None, f"{where}: {line}"
            command = found
            words.pop(0)
        options = {name for parameter in command.params for name in parameter.opts}
        if command.name == "soak":  # it hands them on
            options = set(soak.parser()._option_string_actions)
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in options, f"{where}: {line}: {word}"
