"""The pages of keys: a person's own tokens, and the API keys of the organizations they own."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import keys, service_accounts
from auth.credentials import cookies
from auth.pages.owners import SERVING, id_in, organization_of, organizations_of, owner
from auth.pages.scope_fields import boxes, ticked
from auth.policy.scope_names import OF_SERVICE, SCOPES, in_words
from auth.session import Transaction
from auth.viewer import Viewer
from auth.web.site import Site, answering, see
from db.core.keys import ApiKey, Key, PersonalToken
from db.core.organizations import UserRoleType
from db.core.people import Profile
from db.fields import among
from db.problem import Problem

TOKENS, KEYS = "/account/tokens", "/account/keys"
NEWS = {"revoked": "It is revoked. Requests with it are refused."}
LIVES = {"7": "A week", "30": "30 days", "90": "90 days", "180": "180 days", "365": "A year"}
"""The lifetimes of a new key, by days."""
USUAL = "90"
MAX_LISTED = 200
"""The number of keys that a page lists, at most: valid ones first, then revoked; newest first."""


class TokenPages:
    """A person's own tokens."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(TOKENS, answering(self.show)),
            Route(f"{TOKENS}/new", answering(self.offer)),
            Route(f"{TOKENS}/new", answering(self.make), methods=["POST"]),
            Route(f"{TOKENS}/revoke", answering(self.revoke), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List every token, with a link to create another."""
        viewer = await self._site.signed_in(request)
        async with self._site.session(request, viewer).transaction() as transaction:
            tokens = await _listed(transaction, PersonalToken, PersonalToken.user_id == viewer.id)
        return _form(self._site, request, "tokens.html", tokens=_cards(tokens))

    async def offer(self, request: Request) -> Response:
        """Show the form for a new token."""
        await self._site.proved(request)
        return _form(self._site, request, "token_new.html", **_form_values({}))

    async def make(self, request: Request) -> Response:
        """Create a token, and show it, once."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request)
        session = self._site.session(request, viewer)
        try:
            async with session.transaction() as transaction:
                name, scopes, expires_at = _input(fields)
                token, text = await keys.new_personal_token(
                    session, transaction, name, scopes, expires_at
                )
        except Problem as problem:
            return _form(self._site, request, "token_new.html", problem, **_form_values(fields))
        keys.tell_person(session, self._site.outbox, token)
        return _form(self._site, request, "key_secret.html", key=token, text=text, back=TOKENS)

    async def revoke(self, request: Request) -> Response:
        """Revoke a token."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, TOKENS)
        async with self._site.session(request, viewer).transaction() as transaction:
            await keys.revoke(transaction, PersonalToken, id_in(fields))
        return see(f"{TOKENS}?news=revoked")


class ApiKeyPages:
    """The API keys; NOT_FOUND for a person who owns no organization."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(KEYS, answering(self.show)),
            Route(f"{KEYS}/new", answering(self.offer)),
            Route(f"{KEYS}/new", answering(self.make), methods=["POST"]),
            Route(f"{KEYS}/revoke", answering(self.revoke), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List every key, and the organizations that can have another."""
        viewer = await owner(self._site, request, KEYS)
        async with self._site.session(request, viewer).transaction() as transaction:
            organizations = await organizations_of(transaction)
            mine = among(ApiKey.organization_id, organizations)
            found = await _listed(transaction, ApiKey, mine)
            accounts = await transaction.find_by_id(
                Profile, {key.service_account_id for key in found}, deleted=None, lock=False
            )
        cards = [
            (
                *about,
                accounts.get(about[0].service_account_id),
                organizations[about[0].organization_id],
            )
            for about in _cards(found, OF_SERVICE)
        ]
        organized = organizations.values()
        return _form(self._site, request, "api_keys.html", keys=cards, organizations=organized)

    async def offer(self, request: Request) -> Response:
        """Show the form for a new key."""
        viewer = await owner(self._site, request)
        return await self._ask(request, viewer, id_in(request.query_params, "organization"), {})

    async def make(self, request: Request) -> Response:
        """Create a key, and show it, once."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await owner(self._site, request, KEYS)
        organization = id_in(fields, "organization")
        session = self._site.session(request, viewer)
        try:
            async with session.transaction() as transaction:
                name, scopes, expires_at = _input(fields)
                account = await _account(transaction, organization, fields.get("account", ""), name)
                key, text = await keys.new_api_key(
                    session, transaction, account, name, scopes, expires_at
                )
        except Problem as problem:
            return await self._ask(request, viewer, organization, fields, problem)
        keys.tell_owners(session, self._site.outbox, key)
        return _form(self._site, request, "key_secret.html", key=key, text=text, back=KEYS)

    async def revoke(self, request: Request) -> Response:
        """Revoke a key."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await owner(self._site, request, KEYS)
        async with self._site.session(request, viewer).transaction() as transaction:
            await keys.revoke(transaction, ApiKey, id_in(fields))
        return see(f"{KEYS}?news=revoked")

    async def _ask(
        self,
        request: Request,
        viewer: Viewer,
        organization: UUID,
        entered: dict[str, str],
        problem: Problem | None = None,
    ) -> Response:
        """Show the form for a new key, as it was last sent."""
        async with self._site.session(request, viewer).transaction() as transaction:
            found = await organization_of(transaction, organization)
            its = Profile.service_of == organization
            accounts = await transaction.find_all(
                Profile, its, order=[Profile.full_name, Profile.id], limit=MAX_LISTED, lock=False
            )
        return _form(
            self._site,
            request,
            "api_key_new.html",
            problem,
            organization=found,
            accounts=accounts,
            roles=[role.value for role in SERVING],
            account=entered.get("account", ""),
            **_form_values(entered, OF_SERVICE),
        )


async def _account(
    transaction: Transaction, organization_id: UUID, entered: str, name: str
) -> UUID:
    """Return the service account that a form names: an existing one, or a new one of a role."""
    organization = await organization_of(transaction, organization_id)
    if entered in SERVING:
        made, _ = await service_accounts.create(
            transaction, organization.id, name, UserRoleType(entered)
        )
        await transaction.flush()
        return made.id
    account = await service_accounts.find(transaction, id_in({"id": entered}))
    if account.service_of != organization.id:
        raise Problem("NOT_FOUND", "There is no such service account.")
    return account.id


async def _listed(transaction: Transaction, model: type[Any], mine: Any) -> list[Any]:
    order = [model.revoked_at.is_not(None), model.created_at.desc(), model.id]
    return await transaction.find_all(model, mine, order=order, limit=MAX_LISTED, lock=False)


def _cards(
    found: Iterable[Key], words_of: Mapping[str, str] = SCOPES
) -> list[tuple[Any, list[str], str]]:
    """Return each key with its rights in words, and the reason when it is not valid."""
    now = datetime.now(UTC)
    return [
        (
            key,
            in_words(" ".join(key.scopes), words_of),
            "revoked" if key.revoked_at else "expired" if key.expires_at <= now else "",
        )
        for key in found
    ]


def _input(fields: Mapping[str, str]) -> tuple[str, list[str], datetime]:
    """Return the name, the scopes and the expiry from a form. Raises INVALID."""
    life = fields.get("life", "")
    if life not in LIVES:
        raise Problem("INVALID", "Choose how long it is valid.", field=["life"])
    if not (scopes := ticked(fields)):
        raise Problem("INVALID", "Select at least one permission.", field=["scopes"])
    return fields.get("name", ""), scopes, datetime.now(UTC) + timedelta(days=int(life))


def _form_values(
    entered: Mapping[str, str], words_of: Mapping[str, str] = SCOPES
) -> dict[str, Any]:
    """Return the values of the fields of a form for a new key."""
    life = entered.get("life", USUAL)
    return {
        "name": entered.get("name", ""),
        "scopes": boxes(ticked(entered), words_of),
        "lives": [(days, words, days == life) for days, words in LIVES.items()],
    }


def _form(
    site: Site, request: Request, template: str, problem: Problem | None = None, **values: Any
) -> Response:
    news = NEWS.get(request.query_params.get("news", ""))
    return site.form(request, template, problem, cookie=cookies.SESSION, news=news, **values)
