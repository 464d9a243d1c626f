"""Read provider files; refuse what is wrong in them with one sentence each."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from config.errors import ConfigError, did_you_mean
from config.provider import ProviderFile

_HOME = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class LoadedProvider:
    """A provider file with where it came from, for explanations."""

    path: str
    file: ProviderFile


def load_providers(more: Iterable[Path]) -> dict[str, LoadedProvider]:
    """Read the files that Lockgate brings, then others; a later file of the same name replaces an earlier one whole.

    Args:
        more: files, or folders of files.

    Raises:
        ConfigError: a file is missing or wrong.
    """
    loaded: dict[str, LoadedProvider] = {}
    for path in (*_bundled(), *_listed(more)):
        provider = load_provider(path)
        loaded[provider.file.name] = provider
    return loaded


def load_provider(path: Path) -> LoadedProvider:
    """Read one file.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): correct LOCKGATE_PROVIDERS") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    try:
        return LoadedProvider(_shown(path), ProviderFile.model_validate(content))
    except ValidationError as error:
        raise ConfigError(f"{_shown(path)}: {_sentence(error)}") from None


def _bundled() -> list[Path]:
    return sorted((_HOME / "providers").glob("*.toml"))


def _listed(more: Iterable[Path]) -> list[Path]:
    return [file for path in more for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]


def _shown(path: Path) -> str:
    """The path as people know it: below the working folder, or below the package."""
    for base in (Path.cwd(), _HOME.parent):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("function-"))
    if first["type"] == "extra_forbidden":
        key, known = str(first["loc"][-1]), _known_keys(ProviderFile, first["loc"][:-1])
        return f"{where} is not a key that Lockgate knows{did_you_mean(key, known)}"
    if first["type"] == "missing":
        return f"{where} is missing"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _known_keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys of the table at a path, for suggestions."""
    for part in path:
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field is not None else None
        if inner is not None:
            model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in an annotation such as `tuple[Limit, ...]` or `dict[str, Kind]`."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((part for part in candidates if isinstance(part, type) and issubclass(part, BaseModel)), None)
