"""The addresses of the squad's pages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response, status
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from alerts import chain, handling
from alerts.handling import Action, ReasonNeeded, StillExceeding
from alerts.notice import case_number
from alerts.pages.cards import ACTIONS, PATHS, card, line
from alerts.pages.origin import from_own_page
from alerts.pages.render import TEXTS, fragment, page, summary
from alerts.pages.trail import entries
from alerts.policy import Policy
from alerts.route import SUPERVISION
from alerts.store import cases, events, notices, views
from alerts.store.views import Viewer
from domain.case import CaseState, IllegalTransition
from domain.errors import YanchenError
from domain.register import Role
from runtime.accounts import Person, require
from runtime.database import Connection, Pool, transaction
from runtime.settings import Settings
from runtime.texts import Lang, pick_lang

Handler = Annotated[Person, Depends(require(Role.SQUAD, Role.SUPERVISOR, Role.OPERATOR))]

_ENDED_FOR: Final = timedelta(hours=24)
_STATIC: Final = {"squad.css": "text/css", "squad.js": "text/javascript"}


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a button did nothing, and on which card to say it."""

    case_id: int
    sentence: str


def language(lang: Annotated[str | None, Query()] = None) -> Lang:
    """Chinese, unless ``?lang=en`` asks for English."""
    return pick_lang(lang)


Language = Annotated[Lang, Depends(language)]


def create_router(pool: Pool, settings: Settings) -> APIRouter:
    """The pages of the squads.

    Args:
        pool: the database.
        settings: the city's.
    """
    router = APIRouter()
    policy = Policy.of(settings)

    @router.get("/squad")
    async def squad_page(person: Handler, lang: Language) -> HTMLResponse:
        return await _list(pool, person, lang)

    @router.get("/squad/cases.json")
    async def squad_cases(person: Handler, lang: Language) -> JSONResponse:
        return JSONResponse(await _shown(pool, person, lang), headers={"Cache-Control": "no-store"})

    @router.post("/squad/cases/{case_id}/{action}", dependencies=[Depends(from_own_page)])
    async def press(
        *,
        request: Request,
        case_id: int,
        action: str,
        person: Handler,
        lang: Language,
        note: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        if action not in ACTIONS:
            raise _missing(lang)
        asked = handling.Request(action=ACTIONS[action], person=person, note=note.strip())
        refusal = await _press(pool, policy, case_id, asked, lang)
        if "application/json" in request.headers.get("accept", ""):
            said = refusal.sentence if refusal else ""
            return JSONResponse({"ok": refusal is None, "message": said}, 409 if refusal else 200)
        if refusal:
            return await _list(pool, person, lang, refusal)
        return RedirectResponse(f"/squad?lang={lang}#case-{case_id}", status.HTTP_303_SEE_OTHER)

    @router.get("/cases/{case_id}")
    async def case_page(case_id: int, person: Handler, lang: Language) -> HTMLResponse:
        return await _case(pool, case_id, person, lang)

    @router.get("/squad/static/{name}")
    async def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        content = files("alerts").joinpath("static", name).read_bytes()
        return Response(content, media_type=_STATIC[name], headers={"Cache-Control": "max-age=300"})

    return router


def viewer_of(person: Person) -> Viewer:
    """A squad sees its own; supervisors and operators see all."""
    if person.role is Role.SQUAD:
        # An account without a squad sees nothing, rather than everything.
        return Viewer(squad=person.squad or "", recipients=(person.squad or "",))
    return Viewer(squad=None, recipients=(SUPERVISION,))


async def _list(pool: Pool, person: Person, lang: Lang, refusal: _Refusal | None = None) -> HTMLResponse:
    shown = await _shown(pool, person, lang, refusal)
    html = page("squad.html", lang, person=person, all=person.role is not Role.SQUAD, **shown)
    return HTMLResponse(html, status_code=409 if refusal else 200)


async def _shown(pool: Pool, person: Person, lang: Lang, refusal: _Refusal | None = None) -> dict[str, Any]:
    """The cards of a person, and the fact that they were shown."""
    now, viewer = datetime.now(UTC), viewer_of(person)
    async with transaction(pool) as connection:
        found = await views.cases_for(connection, viewer, now - _ENDED_FOR)
        await notices.mark_read(connection, viewer.recipients, now)
    drawn = [card(view, lang) for view in found]
    return {
        "summary": summary(drawn, lang),
        "cards": [
            {
                "id": one.view.case.case_id,
                "version": one.version,
                "html": fragment(one, lang, now, _said_on(one.view.case.case_id, refusal)),
            }
            for one in drawn
        ],
    }


def _said_on(case_id: int, refusal: _Refusal | None) -> str:
    return refusal.sentence if refusal and refusal.case_id == case_id else ""


async def _press(
    pool: Pool, policy: Policy, case_id: int, asked: handling.Request, lang: Lang
) -> _Refusal | None:
    async with transaction(pool) as connection:
        case = await _held(connection, case_id, asked.person, lang)
        try:
            await handling.handle(connection, case, asked, policy=policy, now=datetime.now(UTC))
        except (IllegalTransition, ReasonNeeded, StillExceeding) as error:
            return _Refusal(case_id, _sentence(error, case.state, asked.action, lang))
    return None


async def _held(connection: Connection, case_id: int, person: Person, lang: Lang) -> cases.Case:
    case = await cases.lock(connection, case_id)
    if case is None or not await views.may_see(connection, viewer_of(person), case_id):
        raise _missing(lang)
    return case


def _missing(lang: Lang) -> HTTPException:
    return HTTPException(status.HTTP_404_NOT_FOUND, TEXTS[lang]["error_missing"])


def _sentence(error: YanchenError, state: CaseState, action: Action, lang: Lang) -> str:
    texts = TEXTS[lang]
    if isinstance(error, ReasonNeeded):
        return texts["error_reason"]
    if isinstance(error, StillExceeding):
        return texts["error_exceeding"]
    return texts["error_illegal"].format(state=texts[f"state_{state}"], action=texts[f"do_{PATHS[action]}"])


async def _case(pool: Pool, case_id: int, person: Person, lang: Lang) -> HTMLResponse:
    async with transaction(pool) as connection:
        view = await views.case_for(connection, viewer_of(person), case_id)
        if view is None:
            raise _missing(lang)
        told = await views.notices_of(connection, case_id)
        log = await events.chain(connection, case_id)
        squads = await views.squad_names(connection)
    html = page(
        "case.html",
        lang,
        view=view,
        card=card(view, lang),
        number=case_number(case_id),
        lines=[line(episode, lang) for episode in view.episodes],
        notices=told,
        trail=entries(log, squads, lang),
        broken_at=chain.verify(log),
        person=person,
    )
    return HTMLResponse(html)
