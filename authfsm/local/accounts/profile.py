"""A user's own attributes: written with an access token, their addresses verified by a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from authfsm.local.config import error_templates
from authfsm.local.config.error_templates import PoolRefusal
from authfsm.local.state import attributes, verification
from authfsm.local.state.codes import Purpose
from authfsm.local.state.core import Core, Reply, Request
from authfsm.local.state.users import User

_ADDRESSES: Final = ("email", "phone_number")


def update(pool: Core, request: Request) -> Reply:
    """UpdateUserAttributes: a new address is verified by a code, if the pool verifies such addresses."""
    family = pool.mint.bearer(request["AccessToken"])
    given = attributes.read(request["UserAttributes"])
    attributes.check_writable(pool, family.client, given)
    attributes.check(pool, given, family.user)
    return {"CodeDeliveryDetailsList": _write(pool, family.user, given)}


def update_as_admin(pool: Core, request: Request) -> Reply:
    """AdminUpdateUserAttributes: also what says that an address is verified."""
    user, given = pool.named(request), attributes.read(request["UserAttributes"])
    attributes.check(pool, given, user)
    _write(pool, user, given)
    return {}


def _write(pool: Core, user: User, given: Mapping[str, str]) -> list[dict[str, str]]:
    settings = pool.configuration
    changed = [n for n in _ADDRESSES if given.get(n) and given[n] != user.attributes.get(n)]
    to_verify = [
        name
        for name in changed
        if name in settings.auto_verified_attributes and given.get(f"{name}_verified") != "true"
    ]
    # "If your user pool requires verification before Amazon Cognito updates the attribute value, this
    # operation" (VerifyUserAttribute) "updates the affected attribute to its pending value"
    later = [name for name in to_verify if name in settings.verified_before_update]
    attributes.write(pool, user, {n: v for n, v in given.items() if n not in later})
    return [
        verification.send(
            pool,
            user,
            Purpose.UPDATE_USER_ATTRIBUTE,
            name,
            wanted_for=name,
            address=given[name],
        )
        for name in to_verify
    ]


def send_verification_code(pool: Core, request: Request) -> Reply:
    """GetUserAttributeVerificationCode: a code to the address the user has, or is about to have."""
    user, name = pool.bearer(request), request["AttributeName"]
    verification.count(pool, user, "GetUserAttributeVerificationCode")
    waiting = user.account.codes.get(name)
    address = waiting.address if waiting is not None else user.attributes.get(name)
    if name not in _ADDRESSES or not address:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    details = verification.send(
        pool,
        user,
        Purpose.VERIFY_USER_ATTRIBUTE,
        name,
        wanted_for=name,
        address=address,
    )
    return {"CodeDeliveryDetails": details}


def verify(pool: Core, request: Request) -> Reply:
    """VerifyUserAttribute: the right code verifies the address it went to."""
    user, name = pool.bearer(request), request["AttributeName"]
    verification.count(pool, user, "VerifyUserAttribute")
    if name not in _ADDRESSES:
        raise PoolRefusal(error_templates.NOTHING_TO_VERIFY, name=name)
    pending = verification.check(pool, user, name, request["Code"])
    if pool.users.is_taken(name, pending.address, user):
        raise PoolRefusal(error_templates.ALIAS_TAKEN, name=name)
    verification.spend(user, name)
    if name in pool.configuration.verified_before_update:
        pool.users.change(user, name, pending.address)
    verification.verified(pool, user, pending)
    user.modified = pool.clock()
    return {}
