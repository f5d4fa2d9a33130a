"""The fixtures of the tests of the example site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser

from apps.visiting import Visit, started, visit

VisitOf = Callable[..., Visit]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser program; each person gets a profile of their own in it."""
    with started() as program:
        yield program


@pytest.fixture
def visit_of(browser: Browser, signing_key: RSAKey) -> Iterator[VisitOf]:
    """A site, whose pool has these settings."""
    with ExitStack() as open_:
        yield lambda **settings: open_.enter_context(visit(browser, signing_key, **settings))


@pytest.fixture
def v(visit_of: VisitOf) -> Visit:
    """A site before the usual pool."""
    return visit_of()
