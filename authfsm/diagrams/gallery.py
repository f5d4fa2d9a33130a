"""The pictures that the repository keeps, written by one function, the same bytes whoever runs it.

`python -m authfsm.diagrams.gallery diagrams` writes them; a test fails when they are not what the
table says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authfsm.diagrams.drafting import flows
from authfsm.diagrams.picture import Diagram, diagram

_ABOUT: Final = {
    "USER_SRP_AUTH": "the password is proved by SRP and never sent.",
    "USER_PASSWORD_AUTH": "the password is sent in clear.",
    "ADMIN_USER_PASSWORD_AUTH": "an administrator sends a user's password in clear.",
    "ADMIN_NO_SRP_AUTH": "the older name of it; one AWS page has a second step for the password.",
    "CUSTOM_AUTH": "the pool's Lambda functions lead; the password may be proved by SRP first.",
    "USER_AUTH": "the first factor is chosen, or preferred: password, code or passkey.",
    "REFRESH_TOKEN_AUTH": "new tokens for a refresh token.",
    "REFRESH_TOKEN": "the older name of it.",
}


def pictures() -> Iterator[tuple[str, Diagram, str]]:
    """Each picture with the name of its file and a sentence about it."""
    yield "protocol", diagram(), "The whole protocol, every flow, from the first request to tokens."
    for flow in flows():
        about = _ABOUT.get(flow, "a flow of Cognito's.")
        yield flow.lower(), diagram(flow=flow), f"`{flow}`: {about}"


def files() -> dict[str, str]:
    """Every file of the gallery, by its name.

    Raises:
        NoEngine: no program lays the graphs out.
    """
    every = list(pictures())
    found = {f"{name}.svg": drawn.svg() for name, drawn, _ in every}
    found["protocol.dot"] = str(diagram())
    found["README.md"] = "\n".join(_page(every))
    return dict(sorted(found.items()))


def _page(every: list[tuple[str, Diagram, str]]) -> Iterator[str]:
    yield "# The protocol in pictures"
    yield ""
    yield "Computed from `authfsm/protocol.py` by `python -m authfsm.diagrams.gallery diagrams`."
    yield "What is folded, and what is left out, stands under each picture; point at a state for its"
    yield "meaning, click it for AWS's own page. `protocol.dot` is the source of the first."
    for name, _, about in every:
        yield ""
        yield f"## {name}"
        yield ""
        yield about
        yield ""
        yield f"![{about.replace('`', '')}]({name}.svg)"
    yield ""


def write(folder: str | Path) -> list[Path]:
    """Write the gallery.

    Args:
        folder: where to.

    Returns:
        The files that changed.

    Raises:
        NoEngine: no program lays the graphs out.
    """
    changed = []
    for name, text in files().items():
        file = Path(folder) / name
        if not file.exists() or file.read_bytes() != text.encode():
            file.write_bytes(text.encode())
            changed.append(file)
    return changed


if __name__ == "__main__":
    for each in write(sys.argv[1]):
        sys.stdout.write(f"{each}\n")
