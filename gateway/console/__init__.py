"""The web pages that come with the gateway: the landing page, and GraphiQL with everything it needs.

static/: our own few lines, and what others wrote, unchanged: graphiql 3.9.0, react and react-dom 18.3.1 and
graphql-ws 5.16.2 from the npm registry, under the licences beside them. Nothing is loaded from elsewhere.
"""

from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
# Pages run our own scripts only. Editors place their parts with style attributes, and show icons as data.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NO_REFERRER = {"Referrer-Policy": "no-referrer"}  # Where a page leads to does not learn where from.
ASSETS_KEPT_S = 3600  # They change with a release; an hour of an old page harms nobody.


def landing_page() -> Response:
    return _page("landing.html")


def graphiql_page() -> Response:
    return _page("graphiql.html")


class Assets(StaticFiles):
    """The scripts and styles of the pages."""

    def __init__(self) -> None:
        super().__init__(directory=HERE / "static")

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]  # Passed on as they come.
        response.headers["Cache-Control"] = f"public, max-age={ASSETS_KEPT_S}"
        return response


def _page(name: str) -> Response:
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return FileResponse(HERE / name, headers=headers | NO_REFERRER)
