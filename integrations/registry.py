"""Which providers and kinds there are: each file bound to its adapter, checked against it at start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from urllib.parse import urlsplit

from config import crashpoint
from config.errors import ConfigError, did_you_mean
from config.load import LoadedProvider, load_providers
from config.provider import KindSection, LimitSection, ProviderFile
from config.secret import Secret
from config.settings import Settings, credential_name
from integrations.adapter import Adapter, Kind
from integrations.classify import Profile
from integrations.transport import Limits
from operations.means import Assurance, Means
from operations.operation import RetryPolicy
from resilience.breaker import BreakerPolicy
from resilience.limiter import Limit
from resilience.traffic import Traffic

_CONFIRM_GRACE = 120.0  # seconds for the inquiries themselves, on top of the settle times they wait for


@dataclass(frozen=True)
class Provider:
    """One provider, ready to be spoken to.

    Attributes:
        path: of its file, for explanations.
        base_url: where it is in this deployment.
    """

    name: str
    path: str
    file: ProviderFile
    adapter: Adapter
    base_url: str
    profile: Profile
    traffic: Traffic
    limits: Limits

    @property
    def lease(self) -> float:
        """Seconds for which an operation is claimed."""
        return self.file.call.lease


@dataclass(frozen=True)
class BoundKind:
    """One kind with its provider and its numbers."""

    kind: Kind
    provider: Provider
    section: KindSection
    assurance: Assurance
    policy: RetryPolicy

    @property
    def name(self) -> str:
        """`<provider>.<what>`."""
        return self.kind.name

    @property
    def confirm_time(self) -> float:
        """Seconds after the deadline in which an unknown effect may still be confirmed."""
        return 3 * self.assurance.settle + _CONFIRM_GRACE


class Registry:
    """All providers and kinds of a deployment.

    Args:
        settings: the environment.

    Raises:
        ConfigError: a file is wrong, or does not fit its adapter.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._credentials: dict[tuple[str, str], Mapping[str, Secret]] = {}
        self.providers = {
            name: _provider(loaded, settings) for name, loaded in load_providers(settings.providers).items()
        }
        self.kinds = {bound.name: bound for provider in self.providers.values() for bound in _bound(provider)}
        settings.check_names({name: provider.adapter.credentials for name, provider in self.providers.items()})
        crashpoint.arm(settings.environment, [provider.base_url for provider in self.providers.values()])

    def provider(self, name: str) -> Provider:
        """A provider by name.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in self.providers:
            raise ConfigError(f"there is no provider {name!r}{did_you_mean(name, self.providers)}")
        return self.providers[name]

    def kind(self, name: str) -> BoundKind:
        """A kind by name.

        Raises:
            ConfigError: there is none of this name.
        """
        if name not in self.kinds:
            raise ConfigError(f"there is no kind {name!r}{did_you_mean(name, self.kinds)}")
        return self.kinds[name]

    def credentials(self, provider: Provider, tenant: str) -> Mapping[str, Secret]:
        """A tenant's credentials, by the names of their fields; the same object each time.

        Raises:
            ConfigError: one of them is not set.
        """
        known = self._credentials.get((provider.name, tenant))
        return known or self._credentials.setdefault((provider.name, tenant), self._looked_up(provider, tenant))

    def _looked_up(self, provider: Provider, tenant: str) -> Mapping[str, Secret]:
        found: dict[str, Secret] = {}
        for field in provider.adapter.credentials:
            secret = self._settings.credential(provider.name, field, tenant)
            if secret is None:
                name = credential_name(provider.name, field, tenant)
                raise ConfigError(f"{provider.name} has no credentials for tenant {tenant}: set {name}")
            found[field] = secret
        return MappingProxyType(found)


def _provider(loaded: LoadedProvider, settings: Settings) -> Provider:
    file = loaded.file
    base_url = settings.base_url(file.name, file.base_url)
    if base_url == file.base_url and file.hosts and urlsplit(base_url).hostname not in file.hosts:
        raise ConfigError(f"{loaded.path}: base_url is at a host that `hosts` does not list")
    return Provider(
        name=file.name,
        path=loaded.path,
        file=file,
        adapter=_adapter(loaded),
        base_url=base_url,
        profile=Profile(frozenset(file.refusals)),
        traffic=_traffic(file),
        limits=Limits(file.call.connect, file.call.read, file.call.total, file.call.max_body),
    )


def _adapter(loaded: LoadedProvider) -> Adapter:
    name = loaded.file.adapter
    try:
        found = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise ConfigError(f"{loaded.path}: adapter {name!r} cannot be imported: is it on the path?") from None
    adapter = getattr(found, "ADAPTER", None)
    if not isinstance(adapter, Adapter) or adapter.name != loaded.file.name:
        raise ConfigError(f"{loaded.path}: {name} has no ADAPTER that is named {loaded.file.name}")
    return adapter


def _bound(provider: Provider) -> Iterator[BoundKind]:
    declared = {kind.name.partition(".")[2]: kind for kind in provider.adapter.kinds}
    for name in provider.file.kinds:
        if name not in declared:
            raise ConfigError(
                f"{provider.path}: kinds.{name} is not a kind of {provider.file.adapter}{did_you_mean(name, declared)}"
            )
    for name, kind in declared.items():
        if name not in provider.file.kinds:
            raise ConfigError(f"{provider.path}: the table [kinds.{name}] is missing: say what means {kind.name} has")
        yield _bind(provider, kind(), provider.file.kinds[name])


def _bind(provider: Provider, kind: Kind, section: KindSection) -> BoundKind:
    means = Means(section.means)
    if means not in {kind.means, Means.NOTHING}:
        raise ConfigError(
            f"{provider.path}: {kind.name} has means {kind.means}: the file may weaken it to X, not make it {means}"
        )
    retry = provider.file.retry
    return BoundKind(
        kind=kind,
        provider=provider,
        section=section,
        assurance=Assurance(means, section.kept_for, section.settle, section.money),
        policy=RetryPolicy(
            delays=section.delays or retry.delays,
            ceiling=retry.ceiling,
            give_up_after=section.give_up_after or retry.give_up_after,
            ask_every=retry.ask_every,
            answer_within=retry.answer_within,
        ),
    )


def _traffic(file: ProviderFile) -> Traffic:
    section = file.breaker
    breaker = BreakerPolicy(
        mode=section.mode,
        consecutive=section.consecutive,
        rate=section.rate,
        min_calls=section.min_calls,
        window=section.window,
        open_for=section.open_for,
        open_for_max=max(section.open_for_max, section.open_for),
        probe_life=file.call.lease,
        ramp=section.ramp,
    )
    limits = tuple(_limit(section, file) for section in file.limits)
    costs = {f"{file.name}.{name}": kind.cost for name, kind in file.kinds.items() if kind.cost != 1}
    return Traffic(file.name, breaker, limits, file.traffic.calls_per_minute, file.traffic.permit_life, costs)


def _limit(section: LimitSection, file: ProviderFile) -> Limit:
    calls, per = (section.concurrent, 0.0) if section.concurrent else (section.calls, section.per)
    assert calls is not None
    assert per is not None
    scope = " and ".join(section.scope) or "provider"
    name = f"{calls:g} at once per {scope}" if section.concurrent else f"{calls:g} in {per:g} s per {scope}"
    return Limit(
        name=f"{name} {section.kind}".rstrip(),
        scope=section.scope,
        calls=float(calls),
        per=per,
        headroom=section.headroom,
        life=file.traffic.permit_life,
        kind=f"{file.name}.{section.kind}" if section.kind else "",
        largest=max(kind.cost for name, kind in file.kinds.items() if section.kind in {"", name}),
    )
