"""Runs the site: `python tests/apps/site --local`, or against a pool of yours by the environment.

COGNITO_POOL_ID, COGNITO_CLIENT_ID and, if there is one, COGNITO_CLIENT_SECRET name the pool; SITE_KEY is what
`authfsm.new_key()` made, and SITE_ORIGIN where people find the site: passkeys need HTTPS there, and the pool's
relying party to be that host. COGNITO_SESSION_MINUTES is the app client's AuthSessionValidity, if it is not 3.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import timedelta
from pathlib import Path

import boto3
import uvicorn
from botocore import UNSIGNED
from botocore.config import Config
from fastapi import FastAPI

if not __package__:  # started as a folder: `apps` is found from there
    sys.path[0] = str(Path(__file__).parents[2])

from apps.site import local
from apps.site.app import site
from authfsm import Cognito, Secret, Verifier

# A reply that was lost is the person's to ask for again: botocore, sending once more by itself, would
# spend the session on an answer that was heard already.
ONE_TRY = Config(signature_version=UNSIGNED, connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})
NEEDED = {"COGNITO_POOL_ID", "COGNITO_CLIENT_ID", "SITE_KEY"}


def from_environment() -> FastAPI:
    """Return the site for the pool that the environment names.

    `uvicorn --factory --workers 2` runs it too.
    """
    pool_id, client_id = os.environ["COGNITO_POOL_ID"], os.environ["COGNITO_CLIENT_ID"]
    client = boto3.client("cognito-idp", region_name=pool_id.partition("_")[0], config=ONE_TRY)
    secret = os.environ.get("COGNITO_CLIENT_SECRET")
    life = timedelta(minutes=int(os.environ.get("COGNITO_SESSION_MINUTES", "3")))
    cognito = Cognito(client, client_id=client_id, pool_id=pool_id, client_secret=secret, session_lifetime=life)
    key, origin = Secret(os.environ["SITE_KEY"]), os.environ["SITE_ORIGIN"]
    return site(cognito, Verifier.of(cognito), key=key, origin=origin)


def main() -> None:
    """Read the command line, and serve."""
    parser = argparse.ArgumentParser(prog="site", description=__doc__)
    parser.add_argument("--local", action="store_true", help="with a pool inside this process")
    parser.add_argument("--mfa", choices=["OFF", "OPTIONAL", "ON"], default="OPTIONAL", help="of that pool")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    if not arguments.local and (lacking := sorted(NEEDED - set(os.environ))):
        parser.error(f"give --local, or set {', '.join(lacking)}")
    origin = os.environ.setdefault("SITE_ORIGIN", f"http://localhost:{arguments.port}")
    app = local.app_with_pool(origin, arguments.mfa) if arguments.local else from_environment()
    uvicorn.run(app, host="localhost", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
