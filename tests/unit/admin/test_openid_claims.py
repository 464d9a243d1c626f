"""What is made of the claims of somebody whose token holds."""

from typing import Any

import pytest

from admin.access.openid.claims import Known, known
from admin.access.openid.refused import LiedError, NoRoleError
from admin.access.person import Role
from config.openid import OpenId
from config.secret import Secret

ROLES = {"staff": "viewer", "on-call": "operator", "platform": "admin"}


def who(claims: dict[str, Any], **more: Any) -> Known:
    given = OpenId("https://login.example.com", "us", Secret("x"), roles=ROLES, **more)
    return known(given, {"sub": "u-17", "roles": ["staff"], **claims})


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        ("staff", Role.VIEWER), (["staff", "platform", "on-call"], Role.ADMIN), (["on-call", "staff"], Role.OPERATOR),
        (["else", "staff", 7, None], Role.VIEWER),
    ],
)  # fmt: skip
def test_the_highest_role_counts(roles: Any, role: Role) -> None:
    assert who({"roles": roles}).role is role


@pytest.mark.parametrize("roles", [None, [], "admin", ["admin"], {"staff": True}, 7, True, [["staff"]]])
def test_what_is_not_in_the_list_makes_no_role(roles: Any) -> None:
    with pytest.raises(NoRoleError):
        who({"roles": roles})


def test_a_claim_may_lie_deeper_or_have_dots_in_its_name() -> None:
    deep = {"roles": [], "realm_access": {"roles": ["on-call"]}}
    assert who(deep, role_claim="realm_access.roles").role is Role.OPERATOR
    dotted = {"roles": [], "https://example.com/roles": ["platform"]}
    assert who(dotted, role_claim="https://example.com/roles").role is Role.ADMIN
    with pytest.raises(NoRoleError):
        who({"realm_access": ["staff"]}, role_claim="realm_access.roles")


def test_tenants_come_from_a_claim_where_one_is_named_and_never_from_its_absence() -> None:
    assert who({}).tenants is None
    assert who({"orgs": ["globex", "acme", "acme"]}, tenants_claim="orgs").tenants == ["acme", "globex"]
    assert who({"orgs": "acme"}, tenants_claim="orgs").tenants == ["acme"]
    assert who({"orgs": ["*"]}, tenants_claim="orgs").tenants is None
    for nothing in ({}, {"orgs": []}, {"orgs": ["Not A Tenant"]}, {"orgs": None}):
        with pytest.raises(NoRoleError):
            who(nothing, tenants_claim="orgs")


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, "a\nb", ["u-17"]])
def test_a_subject_is_a_text_that_a_line_can_hold(subject: Any) -> None:
    with pytest.raises(LiedError):
        who({"sub": subject})


@pytest.mark.parametrize(
    ("claims", "called"),
    [
        ({}, "u-17"), ({"email": "Ann@Example.com"}, "ann@example.com"), ({"name": "Ann <b> Øst"}, "ann-b-st"),
        ({"preferred_username": "ann", "email": "x@y"}, "ann"), ({"preferred_username": "東京"}, "somebody"),
        ({"preferred_username": ""}, "u-17"), ({"preferred_username": "token:root"}, "token-root"),
        ({"preferred_username": "a" * 90}, "a" * 40),
    ],
)  # fmt: skip
def test_a_name_is_readable_and_nobody_elses(claims: dict[str, Any], called: str) -> None:
    name = who(claims).name
    assert name.rpartition("~")[0] == f"oidc:{called}"
    assert name != who({**claims, "sub": "u-18"}).name
    assert name == who(claims).name
