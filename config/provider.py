"""What a provider is: the model of `config/providers/<name>.toml`, and what must hold in it."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.units import Duration, Size

_MARGIN = 60.0  # seconds by which a lease outlasts nothing shorter than the call itself


class _Section(BaseModel):
    """A table of the file: keys that are not known are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrafficSection(_Section):
    """How much flows, and how long a permit is good."""

    calls_per_minute: Annotated[float, Field(gt=0)] = 600.0
    permit_life: Annotated[Duration, Field(gt=0)] = 0.25


class CallSection(_Section):
    """The times and sizes of one call."""

    connect: Annotated[Duration, Field(gt=0)] = 5.0
    read: Annotated[Duration, Field(gt=0)] = 20.0
    total: Annotated[Duration, Field(gt=0)] = 30.0
    lease: Annotated[Duration, Field(gt=0)] = 60.0
    max_body: Annotated[Size, Field(gt=0)] = 1024**2

    @model_validator(mode="after")
    def _lease_outlasts_the_call(self) -> Self:
        if not self.connect <= self.total or not self.read <= self.total:
            raise ValueError("total bounds connect and read: make it the longest of the three")
        if self.lease < self.total * 1.5:
            raise ValueError("lease must be at least one and a half times total, or a slow call outlives its claim")
        return self


class RetrySection(_Section):
    """How often and how long an operation is tried."""

    delays: Annotated[tuple[Duration, ...], Field(min_length=1)] = (0.0, 1.0, 2.0, 4.0, 8.0)
    ceiling: Annotated[Duration, Field(gt=0)] = 60.0
    give_up_after: Annotated[Duration, Field(gt=0)] = 86_400.0
    ask_every: Annotated[Duration, Field(gt=0)] = 300.0
    answer_within: Annotated[Duration, Field(gt=0)] = 14 * 86_400.0


class BreakerSection(_Section):
    """When the provider counts as down."""

    mode: Literal["auto", "consecutive"] = "auto"
    consecutive: Annotated[int, Field(ge=1)] = 3
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    min_calls: Annotated[int, Field(ge=2)] = 20
    window: Annotated[Duration, Field(gt=0)] = 10.0
    open_for: Annotated[Duration, Field(gt=0)] = 10.0
    open_for_max: Annotated[Duration, Field(gt=0)] = 60.0
    ramp: Annotated[Duration, Field(ge=0)] = 30.0


class LimitSection(_Section):
    """One limit: calls in a window, or calls at once."""

    calls: Annotated[float, Field(ge=1)] | None = None
    per: Annotated[Duration, Field(gt=0)] | None = None
    concurrent: Annotated[int, Field(gt=0)] | None = None
    scope: tuple[Literal["tenant", "kind"], ...] = ("tenant",)
    kind: str = ""
    headroom: Annotated[float, Field(gt=0, le=1)] = 0.95

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if (self.concurrent is None) == (self.calls is None) or (self.calls is None) != (self.per is None):
            raise ValueError('a limit is either `calls = 100` with `per = "1s"`, or `concurrent = 5`')
        return self


class KindSection(_Section):
    """What differs for one kind of operation."""

    means: Literal["K", "N", "Q", "X"]
    kept_for: Duration = 0.0
    settle: Duration = 0.0
    money: bool = False
    cost: Annotated[float, Field(gt=0)] = 1.0
    delays: Annotated[tuple[Duration, ...], Field(min_length=1)] | None = None
    give_up_after: Annotated[Duration, Field(gt=0)] | None = None
    on_dead: Literal["fail", "hold"] | None = None
    hold_for: Annotated[Duration, Field(gt=0)] = 7 * 86_400.0

    @model_validator(mode="after")
    def _means_has_its_numbers(self) -> Self:
        if self.means == "K" and self.kept_for <= 0:
            raise ValueError('means "K" needs `kept_for`: how long the provider documents that it keeps a key')
        if self.means in {"K", "N", "Q"} and self.settle <= 0:
            raise ValueError(f'means "{self.means}" needs `settle`: after how long an effect is visible to our inquiry')
        return self


class ProviderFile(_Section):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")]
    adapter: str
    base_url: str
    hosts: tuple[str, ...] = ()
    queues: Annotated[tuple[str, ...], Field(min_length=1)]
    refusals: tuple[Annotated[int, Field(ge=500, le=599)], ...] = ()
    traffic: TrafficSection = TrafficSection()
    call: CallSection = CallSection()
    retry: RetrySection = RetrySection()
    breaker: BreakerSection = BreakerSection()
    limits: tuple[LimitSection, ...] = ()
    kinds: dict[str, KindSection]

    @model_validator(mode="after")
    def _breaker_opens_before_the_attempts_end(self) -> Self:
        for name, kind in self.kinds.items():
            attempts = len(kind.delays or self.retry.delays)
            if self.breaker.consecutive >= attempts:
                raise ValueError(
                    f"breaker.consecutive is {self.breaker.consecutive} and {name} has {attempts} attempts: keep it "
                    "below them, or the only operation of the day is dead before the breaker opens"
                )
            if kind.means == "K" and kind.kept_for <= self.call.total + _MARGIN:
                raise ValueError(f"kinds.{name}.kept_for leaves no time to send again under the key: lower call.total")
        return self

    @model_validator(mode="after")
    def _limits_name_kinds_that_exist(self) -> Self:
        for limit in self.limits:
            if limit.kind and limit.kind not in self.kinds:
                raise ValueError(f"a limit names the kind {limit.kind}, which has no table [kinds.{limit.kind}]")
        return self

    @model_validator(mode="after")
    def _limits_hold_the_costliest_call(self) -> Self:
        for limit in self.limits:
            for name, kind in self.kinds.items():
                if limit.calls is None or limit.kind not in {"", name} or kind.cost == 1:
                    continue
                if kind.cost >= limit.calls * limit.headroom:
                    raise ValueError(
                        f"kinds.{name}.cost is {kind.cost:g}, more than a limit of {limit.calls:g} can hold with its "
                        "headroom: lower the cost, or widen the window"
                    )
        return self
