"""A POST must come from our own pages: no other site may press our buttons."""

from urllib.parse import urlsplit

from fastapi import HTTPException, Request, status

from alerts.pages.render import TEXTS


async def from_own_page(request: Request) -> None:
    """Refuse a POST whose Origin, or else Referer, is not this host.

    Raises:
        HTTPException: 403.
    """
    said = request.headers.get("origin") or request.headers.get("referer") or ""
    if not said or urlsplit(said).netloc != request.headers.get("host"):
        sentence = f"{TEXTS['zh']['error_origin']} {TEXTS['en']['error_origin']}"
        raise HTTPException(status.HTTP_403_FORBIDDEN, sentence)
