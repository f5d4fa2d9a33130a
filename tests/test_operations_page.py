"""`diagrams/operations.md` lists every operation of the API; `python tests/test_operations_page.py` writes it."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest

from authfsm.local import LocalCognito, PoolRefusal
from authfsm.local.accounts import records
from authfsm.local.api.operations import OPERATIONS, reason_not_served
from authfsm.local.api.region import REGION_OPERATIONS
from authfsm.local.config import request_members

NAMES = sorted(request_members._model()["operations"])
PAGE = Path(__file__).parents[1] / "diagrams" / "operations.md"
SUPPORTED = {*OPERATIONS, *REGION_OPERATIONS}
RECORDS_ONLY = {name for name in records.FUNCTIONS if "Group" not in name} | {"DescribeUserPoolDomain"}


def page() -> str:
    """Return the page."""
    rows = [f"| `{name}` | {_is_served(name)} |" for name in NAMES]
    text = (
        f"The API has {len(rows)} operations. `LocalCognito` and `authfsm serve` serve {len(SUPPORTED)} of them:"
        f" {len(RECORDS_ONLY)} only store what they are given, and nothing else reads it. The others reply with"
        " `UnsupportedOperationException`, the operation's name and the reason; a name that the API does not have"
        " gets `UnknownOperationException`."
    )
    head = ["# Operations of the local Cognito", "", text, "", "| Operation | Served |", "|---|---|"]
    return "\n".join([*head, *rows, ""])


def _is_served(name: str) -> str:
    if name in RECORDS_ONLY:
        return "records only"
    return "yes" if name in SUPPORTED else f"no: {reason_not_served(name)}"


def test_page_is_current() -> None:
    """The page is up to date, and has all operations of botocore's model."""
    theirs = botocore.session.get_session().get_service_model("cognito-idp").operation_names

    assert PAGE.read_text(encoding="utf-8") == page()
    assert set(theirs) <= set(NAMES)
    assert set(NAMES) >= SUPPORTED


@pytest.mark.parametrize("name", sorted(set(NAMES) - SUPPORTED))
def test_refusal_names_the_operation(name: str) -> None:
    """An operation that is not served is refused with its name and the reason, whatever its request."""
    with pytest.raises(PoolRefusal) as caught:
        LocalCognito().answer(name, {})

    assert caught.value.code == "UnsupportedOperationException"
    assert f"{name}: {reason_not_served(name)}." in caught.value.message


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
