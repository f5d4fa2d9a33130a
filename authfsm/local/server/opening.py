"""Opens a pool to be served: made by its configuration, and put back to where its file says it was.

The settings are the configuration's, at every start; what the API changed since (an app client) holds until
the configuration says something new. What came about by itself is the file's: the key, the
app client's secret where none was named, the users, and how far their sign-ins have come. A user of the
configuration who is there already is left alone.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from joserfc.jwk import RSAKey

from authfsm.base.secret import Secret
from authfsm.local.server.config import CLIENT_ID, POOL_ID, Config
from authfsm.local.server.logs import Log
from authfsm.local.server.service import Service, parts
from authfsm.local.server.state import StateFile, StateFileRefused


def opened(
    config: Config, url: str, log: Log, file: StateFile | None = None, issuer: str | None = None
) -> Service:
    """The pool, ready to be served.

    Args:
        config: what it is to be.
        url: where it will be served.
        log: told of what it does.
        file: where it is kept; in memory alone, if left out.
        issuer: the tokens' `iss`; its URL there, if left out. A verifier finds the keys below it.

    Raises:
        ConfigRefused: it cannot be that.
        StateFileRefused: the file is another pool's, or cannot be read.
    """
    pool_id = str(config.settings.get("pool_id") or POOL_ID)
    named = issuer or config.settings.get("issuer")
    settings: dict[str, Any] = {"pool_id": pool_id, "issuer": named or f"{url}/{pool_id}"}
    if file is None:
        service = Service(config.pool(**settings), log, access=config.access)
        config.add_users(service.pool)
        service.keep()
        # Now, and not at the first sign-in; meanwhile the server is made.
        threading.Thread(target=service.make_key, daemon=True).start()
        return service
    try:
        return _put_back(config, settings, log, file)
    except (LookupError, ValueError):  # what cannot be read is a ValueError too
        raise StateFileRefused(file.path, "cannot be read: it is damaged") from None


def _put_back(config: Config, settings: dict[str, Any], log: Log, file: StateFile) -> Service:
    from authfsm.local.server.keeper import Keeper  # noqa: PLC0415 - who keeps nothing does not wait

    facts = file.facts()
    if "pool_id" in facts:
        if facts["pool_id"] != settings["pool_id"]:
            why = f"is of the pool {facts['pool_id']}, not of {settings['pool_id']}"
            raise StateFileRefused(file.path, why)
        settings["key"] = RSAKey.import_key(json.loads(facts["key"]))
    settings["client_secret"] = _client_secret(config, file)
    pool = config.pool(**settings)
    core = parts(pool)
    if "pool_id" in facts:
        core.seed = Secret(bytes.fromhex(facts["seed"]))
    keeper = Keeper(core, file)
    # What was done to the app client by its API holds, until the configuration has something new to say.
    configured = keeper.written(pool.app_client)
    keeper.restore(None if facts.get("configured") == configured else pool.client_id)
    service = Service(pool, log, keeper, config.access)
    config.add_users(pool)
    keeper.keep(tuple(core.clients.values()))
    service.keep()
    key = core.mint.key.as_dict(private=True)
    seed = core.seed.reveal().hex()
    file.note(
        {
            "pool_id": pool.pool_id,
            "key": json.dumps(key),
            "seed": seed,
            "configured": configured,
        }
    )
    return service


def _client_secret(config: Config, file: StateFile) -> bool | str:
    """The secret of the app client: the one that is named, or the one that was drawn before."""
    wanted = config.settings.get("client_secret", False)
    if wanted is not True:
        return wanted or False
    clients = dict(file.read("client"))
    body = clients.get(str(config.settings.get("client_id") or CLIENT_ID))
    return (json.loads(body)["client_secret"] if body else None) or True
