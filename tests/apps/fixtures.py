"""The fixtures of the tests of the example site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser

from apps.site_visits import Visit, launched_chromium, visit

VisitOf = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser program, in which each visitor gets a profile of their own."""
    with launched_chromium() as program:
        yield program


@pytest.fixture
def visit_of(browser: Browser, signing_key: RSAKey) -> Iterator[VisitOf]:
    """Return a function that opens a site whose pool has the given settings."""
    with ExitStack() as open_:
        yield lambda **settings: open_.enter_context(visit(browser, signing_key, **settings))


@pytest.fixture
def v(visit_of: VisitOf) -> Visit:
    """A site with the usual pool."""
    return visit_of()
