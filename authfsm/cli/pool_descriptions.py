"""The options that name a pool, and functions that fetch its descriptions from AWS, read them or save them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from authfsm.checks.review import missing_replies
from authfsm.cli import command
from authfsm.cli.command import Failed, WrongUsage, flag, option, print_message, refuse_exclusive, writing
from authfsm.protocol.errors import BadField
from authfsm.settings import PoolSettings
from authfsm.settings import descriptions as reader
from authfsm.settings.descriptions import decode_text, parse_json
from authfsm.settings.sign_in_settings import fetch_descriptions
from authfsm.srp import pool_name

ACTIONS: Final = "cognito-idp:DescribeUserPool, cognito-idp:DescribeUserPoolClient, cognito-idp:GetUserPoolMfaConfig"
"""The IAM actions that are needed to describe a pool."""

_DENIED: Final = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_INVALID_CREDENTIALS: Final = {
    "ExpiredTokenException": "these AWS credentials have expired: sign in again (aws sso login, or your usual way)",
    "UnrecognizedClientException": "AWS does not know these credentials: see aws sts get-caller-identity",
    "InvalidSignatureException": "AWS refuses these credentials' signature: check the secret key and this machine's clock",
    "IncompleteSignature": "AWS refuses these credentials' signature: check the access key",
}
_NO_KEYS: Final = (
    "there are no AWS credentials: run `aws configure` or `aws sso login`, set AWS_PROFILE, or use --profile;"
    " or describe the pool on another machine, and use --settings FILE"
)

Descriptions = dict[str, Any]

# A file has either an object with the member UserPool, or the value of UserPool alone, which has an Id.
_POOL_MEMBERS: Final = frozenset({"UserPool", "Id"})

pool_option: Final = partial(option, panel="Your user pool")


@frozen(kw_only=True)
class PoolOptions:
    """The options that name a pool; the base of several commands."""

    settings: Path | None = pool_option(
        "The pool's settings as JSON: a file of `authfsm draw --save-settings`, or the output of `aws cognito-idp"
        " describe-user-pool`.",
        dir_okay=False,
    )
    pool_id: str | None = pool_option(
        "The user pool's id, for example eu-west-1_AbCdEfGhI; its settings are read from AWS."
    )
    client_id: str | None = pool_option("The id of the pool's app client.")
    profile: str | None = pool_option("The AWS profile whose credentials are used.")
    region: str | None = pool_option("The pool's region; by default the one in its id.")
    endpoint_url: str | None = pool_option("Use this endpoint URL instead of AWS's.")

    def refuse_conflicts(self) -> None:
        """Raise `WrongUsage` if two options exclude each other, if --pool-id is missing, or if the region is wrong."""
        refuse_exclusive(self, ("pool_id", "settings"))
        for name in ("client_id", "profile", "region", "endpoint_url"):
            if getattr(self, name) and not self.pool_id:
                raise WrongUsage(f"{flag(name)} requires --pool-id")
        command.refuse_region(self)

    def described(self) -> Descriptions | None:
        """Return the pool's descriptions from AWS or from a file; None if no option names a pool."""
        if self.pool_id:
            return self._fetch(self.pool_id)
        return read(self.settings) if self.settings else None

    def _fetch(self, pool_id: str) -> Descriptions:
        """Fetch a pool's descriptions from AWS, in the form that `--settings` reads."""
        import boto3  # noqa: PLC0415 - slow, and not needed to read a file
        from botocore import exceptions  # noqa: PLC0415 - the same

        region = self.region or pool_id.partition("_")[0]
        try:
            pool_name(pool_id)  # raises ValueError unless it is a pool's id
            session = boto3.session.Session(profile_name=self.profile)
            client = session.client("cognito-idp", region_name=region, endpoint_url=self.endpoint_url)
            pool, app, mfa = fetch_descriptions(client, pool_id, self.client_id)
            client_part = {} if app is None else {"UserPoolClient": app["UserPoolClient"]}
            found = {"UserPool": pool["UserPool"], "MfaConfig": mfa, **client_part}
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
            raise Failed(_NO_KEYS) from None
        except exceptions.ProfileNotFound as error:
            raise Failed(f"{error}: see aws configure list-profiles") from None
        except exceptions.SSOError as error:
            raise Failed(f"{error}; run `aws sso login`") from None
        except exceptions.ClientError as error:
            raise Failed(_refusal_text(error.response["Error"], pool_id, self.client_id)) from None
        except (exceptions.BotoCoreError, ValueError) as error:
            raise Failed(f"{pool_id} could not be described: {error}") from None
        except (AttributeError, LookupError, TypeError):  # the reply has another shape than Cognito's
            why = "the endpoint did not reply as Cognito does; check --endpoint-url, or a proxy"
            raise Failed(f"{pool_id} could not be described: {why}") from None
        return _checked(found, pool_id)


def _refusal_text(error: Any, pool_id: str, client_id: str | None) -> str:
    code = error.get("Code", "")
    if code in _DENIED:
        return f"these credentials may not describe {pool_id}: allow them the actions {ACTIONS}"
    if code in _INVALID_CREDENTIALS:
        return _INVALID_CREDENTIALS[code]
    if code == "ResourceNotFoundException":
        names = f"{pool_id} or its app client {client_id}" if client_id else pool_id
        return f"user pool {names} was not found in this account and region"
    return f"{pool_id} could not be described: {code}: {error.get('Message', '')}"


def read(path: Path) -> Descriptions:
    """Read descriptions from a JSON file that `save` wrote, or that has the reply of DescribeUserPool."""
    try:
        content = parse_json(decode_text(path.read_bytes()))
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failed(f"{path} cannot be read: it is not text in UTF-8 or UTF-16") from None
    except ValueError as error:
        raise Failed(f"{path} cannot be read: it is not JSON: {error}") from None
    except RecursionError:
        raise Failed(f"{path} cannot be read: its JSON is nested too deeply") from None
    if not isinstance(content, dict) or _POOL_MEMBERS.isdisjoint(content):
        raise Failed(
            f'{path} describes no pool: it must contain {{"UserPool": ..., "UserPoolClient": ..., "MfaConfig": ...}},'
            " as --save-settings writes it, or a reply of aws cognito-idp describe-user-pool"
        )
    return _checked(content, str(path))


def _checked(descriptions: Descriptions, where: str) -> Descriptions:
    try:
        found = reader.Descriptions.parse(descriptions)
        PoolSettings.from_parsed(found)
    except BadField as error:
        member = error.field if error.field[0].isupper() else error.field.title().replace("_", "")
        raise Failed(f"{where}: {member} {error.why}") from None
    for kind, names in (("members", found.unknown), ("values", found.unknown_values)):
        if names:
            print_message(f"{where}: unknown {kind} are ignored: {', '.join(names)}")
    return dict(found.parts())


def settings_of(found: Descriptions | Path, where: object = None) -> PoolSettings:
    """Return the settings in descriptions, or in a file; print which replies are missing."""
    descriptions = read(found) if isinstance(found, Path) else found
    settings = PoolSettings.from_descriptions(descriptions)
    for _, why in missing_replies(settings):
        print_message(f"{where or found}: {why}, so no path is excluded by the settings of that reply")
    return settings


def save(path: Path, descriptions: Descriptions) -> None:
    """Write descriptions to a file, without the app client's secret and response metadata."""
    hidden = {"ClientSecret", "ResponseMetadata"}
    content = {name: {k: v for k, v in part.items() if k not in hidden} for name, part in descriptions.items()}
    with writing(path):
        path.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
