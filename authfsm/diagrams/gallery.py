"""The pictures that the repository keeps, written by one function, the same bytes whoever runs it.

`python -m authfsm.diagrams.gallery diagrams` writes them; a test fails when they are not what the
table says.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authfsm.diagrams.picture import Diagram, diagram
from authfsm.diagrams.pools import POOLS
from authfsm.diagrams.sequence import sequence
from authfsm.diagrams.themes import AUTO
from authfsm.protocol.auth_flows import FLOWS

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
    whole = "The whole protocol, every flow, from the first request to tokens."
    yield "protocol", diagram(theme=AUTO), whole
    for flow in FLOWS:
        about = _ABOUT.get(flow, "a flow of Cognito's.")
        yield flow.lower(), diagram(flow=flow, theme=AUTO), f"`{flow}`: {about}"
    for name, (settings, about) in POOLS.items():
        yield f"pool_{name}", diagram(settings=settings, theme=AUTO), f"A pool's own: {about}"
    off, required = (POOLS[name][0] for name in ("mfa_off", "mfa_required"))
    about = "The same pool's whole protocol, what MFA off rules out being faded."
    yield "pool_mfa_off_faded", diagram(settings=off, faded=True, theme=AUTO), about
    about = "What turns on when MFA becomes required."
    yield "pool_mfa_off_to_required", diagram(difference=(off, required), theme=AUTO), about
    about = "Where a sign-in by SRP may fail, and what is to be done then."
    yield "failures", diagram(flow="USER_SRP_AUTH", actions=True, theme=AUTO), about


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
    yield "Computed from `authfsm/protocol/table.py` by `python -m authfsm.diagrams.gallery diagrams`."
    yield "What is folded, and what is left out, stands under each picture. Opened by itself, a picture"
    yield "tells what each state means when pointed at, and leads to AWS's own page when clicked; it is"
    yield "dark where dark is preferred. `protocol.dot` is the source of the first."
    for name, _, about in every:
        yield ""
        yield f"## {name}"
        yield ""
        yield about
        yield ""
        yield f"[![{about.replace('`', '')}]({name}.svg)]({name}.svg)"
    yield ""
    yield "## Who says what to whom"
    yield ""
    yield "`USER_SRP_AUTH` as a sequence, names as on the wire."
    yield ""
    yield "```mermaid"
    yield f"{sequence(flow='USER_SRP_AUTH')}```"
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
