"""Where a run happens: what a subject is told of servers, providers and its folder."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

#: What the sandbox plays without being told. Each tenant has credentials of its own at every provider.
PROVIDERS = ("stripe", "postmark", "plain")


@dataclass
class Place:
    """A run's surroundings.

    Attributes:
        folder: of the run; what it leaves is there.
        urls: where the sandbox's providers are.
        plugins: modules that every worker loads.
        providers: those that are asked for anything.
        operations: a module with operations of one's own; empty for ours.
        files: provider files of one's own.
        standins: what plays their providers, see sandbox/README.md.
    """

    folder: Path
    seed: int
    tenants: tuple[str, ...]
    database_url: str = ""
    redis_url: str = ""
    urls: dict[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    python_path: tuple[str, ...] = ()
    providers: tuple[str, ...] = PROVIDERS
    operations: str = ""
    files: tuple[Path, ...] = ()
    standins: tuple[str, ...] = ()

    def token(self, provider: str, tenant: str) -> str:
        """A tenant's credential; the sandbox takes any that is not empty for a tenant of its own."""
        return f"soak-{provider}-{tenant}"

    def environment(self) -> dict[str, str]:
        """What every process of the run gets, whatever the subject adds."""
        path = [*self.python_path, *filter(None, [os.environ.get("PYTHONPATH")])]
        ours = {
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "SOAK_FOLDER": str(self.folder),
            "SOAK_SEED": str(self.seed),
            "SOAK_TENANTS": ",".join(self.tenants),
            "SOAK_PLUGINS": ",".join(self.plugins),
            "SOAK_OPERATIONS": self.operations,
            "SOAK_DATABASE_URL": self.database_url,
            "SOAK_REDIS_URL": self.redis_url,
            **{f"SOAK_{name.upper()}_URL": url for name, url in self.urls.items()},
        }
        return dict(os.environ) | {name: value for name, value in ours.items() if value}


def loaded(name: str, path: tuple[str, ...]) -> ModuleType:
    """Import a subject by its module's name.

    Args:
        name: of the module.
        path: folders to find it in, before all others.
    """
    from importlib import import_module  # noqa: PLC0415  the one place that imports by name

    sys.path[:0] = [folder for folder in path if folder not in sys.path]
    return import_module(name)
