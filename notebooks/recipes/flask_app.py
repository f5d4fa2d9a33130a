"""Flask: browsers sign in over several requests. The sign-in and the tokens are in sealed cookies.

    pip install /path/to/authfsm flask
    flask --app flask_app run     # with COGNITO_POOL_ID, COGNITO_CLIENT_ID, SITE_KEY, SITE_ORIGIN set

A page posts JSON: {"username", "password"} to /sign-in, then {"response", <fields>, "step"} to /challenge, as the form
in the reply says. This makes a SITE_KEY, once: `python -c "import authfsm; print(authfsm.new_key().reveal())"`.
"""

import os
from collections.abc import Callable
from typing import Any

import boto3
from flask import Flask, Response, abort, jsonify, request

from authfsm import AuthfsmError, Cognito, Secret, Verifier
from authfsm.contrib.cookies import is_own_form
from authfsm.contrib.web_sign_in import BrowserSession, WebSignIn


def create_app(site: WebSignIn | None = None) -> Flask:
    """Return the application."""
    app, site = Flask(__name__), site or site_of_environment()

    def reply(steps: Callable[[BrowserSession], Any]) -> Response:
        if not is_own_form(request.method, request.headers.get("Origin"), site.origin):
            abort(403)
        browser = site.browser(request.cookies)
        try:
            response = jsonify(steps(browser))
        except AuthfsmError as error:
            response = jsonify(message=error.for_person())
            response.status_code = error.http_status
        browser.cookies.write(response)
        return response

    @app.post("/sign-in")
    def sign_in() -> Response:
        return reply(lambda browser: browser.describe(browser.begin(request.get_json())))

    @app.post("/challenge")
    def challenge() -> Response:
        return reply(lambda browser: browser.describe(browser.answer(request.get_json())))

    @app.get("/me")
    def me() -> Response:
        return reply(lambda browser: {"username": browser.claims().username})

    @app.post("/sign-out")
    def sign_out() -> Response:
        return reply(lambda browser: browser.sign_out())

    return app


def site_of_environment() -> WebSignIn:
    """Return the sign-in of the pool that the environment names."""
    pool_id, client_id = os.environ["COGNITO_POOL_ID"], os.environ["COGNITO_CLIENT_ID"]
    client = boto3.client("cognito-idp", region_name=pool_id.partition("_")[0])
    return WebSignIn(
        cognito=Cognito(client, client_id=client_id, pool_id=pool_id),
        verifier=Verifier(pool_id, client_id),
        key=Secret(os.environ["SITE_KEY"]),  # of authfsm.new_key()
        origin=os.environ["SITE_ORIGIN"],  # https://example.com
    )
