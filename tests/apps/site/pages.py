"""Pages from templates, and redirections that leave a notice for the next page."""

from __future__ import annotations

from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates

from apps.site.cookies import Jar

HERE: Final = Path(__file__).parent


class Pages:
    """The site's pages.

    Args:
        name: what the site is called.
        jar: keeps a notice until it is read.
    """

    def __init__(self, name: str, jar: Jar) -> None:
        self.name, self.jar = name, jar
        self._templates = Jinja2Templates(HERE / "templates")  # they escape what they are told

    def show(self, request: Request, template: str, **facts: Any) -> Response:
        """A page, with the notice that waits for it, and a number of its own for its forms."""
        notice = self.jar.facts(request, "notice")
        told = {"site": self.name, "form": token_urlsafe(), "notice": notice, **facts}
        reply = self._templates.TemplateResponse(request, f"{template}.html", told)
        if notice:
            self.jar.drop(reply, "notice")
        return reply

    def redirect(self, path: str, said: str | None = None, *, wrong: bool = True) -> Response:
        """To another page, which will say that."""
        reply = RedirectResponse(path, status_code=303)
        if said is not None:
            self.jar.seal(reply, "notice", {"said": said, "wrong": wrong}, 60)
        return reply
