"""Users, as administrators make and see them, and as they see and sign out themselves."""

from __future__ import annotations

import string
from typing import Any, Final

from authfsm.local import enrolment, passwords, refusals
from authfsm.local.core import Core, Reply, Request
from authfsm.local.flows import check_client_secret
from authfsm.local.refusals import PoolRefusal
from authfsm.local.users import Status, User
from authfsm.secret import Secret

_ALPHABETS: Final = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!@#$%^*-_+")


def new_user(
    pool: Core, username: str, attributes: dict[str, str], *, verified: bool = False
) -> User:
    """A new user of the pool, without a password.

    Args:
        pool: the pool.
        username: the name; in a pool whose users sign in with an attribute, that attribute's value, and
            the internal name will be the sub.
        attributes: the attributes.
        verified: take address and number for verified, unless an attribute says not.

    Raises:
        PoolRefusal: the name is taken, or is no such attribute.
    """
    sub, now = pool.mint.uuid(), pool.clock()
    wanted = pool.configuration.username_attributes
    if not wanted:
        name = username
    else:
        name = sub
        kind = "email" if "@" in username else "phone_number"
        if kind not in wanted:
            # Seen in issues: "Username should be an email."
            raise PoolRefusal(refusals.MALFORMED, why=f"Username should be one of {wanted}.")
        attributes = {kind: username, **attributes}
    if verified:
        marks = {f"{n}_verified": "true" for n in ("email", "phone_number") if n in attributes}
        attributes = {**attributes, **{n: v for n, v in marks.items() if n not in attributes}}
    user = User(name, sub, now, now, Status.CONFIRMED, attributes=attributes)
    pool.users.add(user)
    return user


def create_user(pool: Core, request: Request) -> Reply:
    """AdminCreateUser: with the temporary password given, or one that nobody is told."""
    pool.check_pool(request)
    if request.get("MessageAction") == "RESEND":
        raise PoolRefusal(refusals.MALFORMED, why="The local user pool sends no invitations.")
    attributes = {each["Name"]: each.get("Value", "") for each in request.get("UserAttributes", ())}
    attributes.pop("sub", None)
    given = request.get("TemporaryPassword")
    password = Secret(given) if given else Secret(_random_password(pool))
    passwords.check_policy(pool, password)
    user = new_user(pool, request["Username"], attributes)
    passwords.set_password(pool, user, password, temporary=True)
    return {"User": _described(user, "Attributes")}


def set_user_password(pool: Core, request: Request) -> Reply:
    """AdminSetUserPassword: permanent, or to be changed at the next sign-in."""
    pool.check_pool(request)
    user, password = _named(pool, request), Secret(request["Password"])
    passwords.check_policy(pool, password)
    passwords.set_password(pool, user, password, temporary=not request.get("Permanent", False))
    return {}


def get_user_as_admin(pool: Core, request: Request) -> Reply:
    """AdminGetUser."""
    pool.check_pool(request)
    user = _named(pool, request)
    return {**_described(user, "UserAttributes"), **enrolment.described(user)}


def get_user(pool: Core, request: Request) -> Reply:
    """GetUser."""
    user = pool.bearer(request)
    attributes = _listed(user)
    return {"Username": user.username, "UserAttributes": attributes, **enrolment.described(user)}


def global_sign_out(pool: Core, request: Request) -> Reply:
    """GlobalSignOut: every token of the user's is revoked."""
    pool.bearer(request).sign_outs += 1
    return {}


def revoke_token(pool: Core, request: Request) -> Reply:
    """RevokeToken: a refresh token, and the access tokens of its sign-in."""
    client = pool.client(request)
    check_client_secret(client, request)
    pool.mint.revoke(request["Token"], client)
    return {}


def _named(pool: Core, request: Request) -> User:
    user = pool.users.find(request["Username"])
    if user is None:
        raise PoolRefusal(refusals.NO_SUCH_USER)
    return user


def _listed(user: User) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in user.described().items()]


def _described(user: User, attributes: str) -> dict[str, Any]:
    return {
        "Username": user.username,
        attributes: _listed(user),
        "UserCreateDate": user.created.timestamp(),
        "UserLastModifiedDate": user.modified.timestamp(),
        "Enabled": user.enabled,
        "UserStatus": user.status.value,
    }


def _random_password(pool: Core) -> str:
    entropy = pool.entropy(20)
    return "".join(
        alphabet[byte % len(alphabet)]
        for alphabet, byte in zip(_ALPHABETS * 5, entropy, strict=True)
    )
