"""A provider's file and its adapter must fit each other; what a deployment needs of both is said at start."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from config.errors import ConfigError
from config.settings import Settings
from integrations.registry import Registry
from operations.means import Means

BUNDLED = Path(__file__).parents[3] / "config/providers/stripe.toml"


def registry(tmp_path: Path, change: Any = lambda _: None, **environment: str) -> Registry:
    content = tomllib.loads(BUNDLED.read_text())
    change(content)
    (tmp_path / "stripe.toml").write_text(tomli_w.dumps(content))
    return Registry(
        Settings.from_environment(
            {
                "LOCKGATE_DATABASE_URL": "postgresql://nowhere/none",
                "LOCKGATE_REDIS_URL": "redis://nowhere",
                "LOCKGATE_DATA_KEY": "key",
                "LOCKGATE_PROVIDERS": str(tmp_path / "stripe.toml"),
                **environment,
            }
        )
    )


def test_a_file_may_weaken_a_kind_and_not_strengthen_it(tmp_path: Path) -> None:
    weaker = registry(tmp_path, lambda file: file["kinds"].update(take_payment={"means": "X"}))
    assert weaker.kind("stripe.take_payment").assurance.means is Means.NOTHING
    with pytest.raises(ConfigError, match=r"has means K: the file may weaken it to X, not make it Q"):
        registry(tmp_path, lambda file: file["kinds"].update(take_payment={"means": "Q", "settle": "1s"}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file["kinds"].update(take_paymnt=file["kinds"]["take_payment"]), r"did you mean take_payment\?"),
        (lambda file: file["kinds"].pop("take_payment"), r"the table \[kinds\.take_payment\] is missing"),
        (lambda file: file.update(adapter="integrations.strype"), r"cannot be imported: is it on the path\?"),
        (lambda file: file.update(adapter="integrations.postmark"), r"has no ADAPTER that is named stripe"),
    ],
)
def test_a_file_that_does_not_fit_its_adapter_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        registry(tmp_path, change)


def test_no_tenant_borrows_the_credentials_of_another(tmp_path: Path) -> None:
    found = registry(tmp_path, LOCKGATE_STRIPE_API_KEY="sk_test_default", LOCKGATE_STRIPE_API_KEY__ACME="sk_test_acme")
    stripe = found.provider("stripe")
    assert found.credentials(stripe, "acme")["api_key"].reveal() == "sk_test_acme"
    assert "sk_test" not in repr(found.credentials(stripe, "default"))
    with pytest.raises(ConfigError, match=r"no credentials for tenant globex: set LOCKGATE_STRIPE_API_KEY__GLOBEX"):
        found.credentials(stripe, "globex")


def test_a_limit_knows_whom_it_holds_for_and_its_costliest_call(tmp_path: Path) -> None:
    def change(file: dict[str, Any]) -> None:
        file["kinds"]["refund_payment"]["cost"] = 3
        file["limits"] = [{"calls": 50, "per": "1s"}, {"calls": 40, "per": "1s", "kind": "take_payment"}]

    everybody, payments = registry(tmp_path, change).provider("stripe").traffic.limits
    assert (everybody.largest, everybody.burst) == (3.0, 3.0)
    assert (payments.largest, payments.kind) == (1.0, "stripe.take_payment")
