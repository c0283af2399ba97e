"""Reading users and groups as resources: a statement for a page, and one for what is in each."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from scim2_models import (
    GroupMembership,
    Meta,
    Path,
    Reference,
    Resource,
    ResponseParameters,
    SearchRequest,
)
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    nulls_last,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.core.organizations import OrganizationMember, UserRoleType
from db.core.people import Profile, UserStatus
from db.core.provisioning import ProvisionedGroup, ProvisionedGroupMember
from graph.scim.filters import Columns, Conditions
from graph.scim.resources import Email, Group, Member, Name, Role, User

MAX_MEMBERS = 50_000
"""The most members of all groups of a response."""
ORGANIZATION = bindparam("organization", type_=Uuid)
IDS = bindparam("ids", type_=ARRAY(Uuid))


class TooManyMembers(Exception):
    """A response would have more than MAX_MEMBERS members of groups."""


@cache
def _tables() -> tuple[Any, Any, Any, Any]:
    members = readable(
        OrganizationMember,
        *("id", "organization_id", "user_id", "role", "status", "user_name", "external_id"),
        *("version", "created_at", "updated_at"),
    ).alias("member")
    people = readable(
        Profile,
        *("id", "email", "full_name", "first_name", "last_name", "job_title", "service_of"),
        *("version", "updated_at"),
    ).alias("person")
    groups = readable(ProvisionedGroup).alias("in_group")
    links = readable(ProvisionedGroupMember).alias("link")
    return members, people, groups, links


@cache
def user_columns() -> Columns:
    """Return the columns of a user's attributes."""
    member, person, group, link = (table.c for table in _tables())

    def in_group(condition: ColumnElement[bool]) -> ColumnElement[bool]:
        *_, groups, links = _tables()
        found = exists().select_from(links.join(groups, group.id == link.group_id))
        of_user = (link.organization_id == ORGANIZATION, link.user_id == member.user_id)
        return found.where(*of_user, condition).correlate(_tables()[0])

    return Columns(
        {
            ("id", None): member.user_id,
            ("external_id", None): member.external_id,
            ("user_name", None): func.coalesce(member.user_name, person.email),
            ("display_name", None): person.full_name,
            ("name", "family_name"): person.last_name,
            ("name", "given_name"): person.first_name,
            ("title", None): person.job_title,
            ("active", None): member.status == UserStatus.ACTIVE,
            ("emails", "value"): person.email,
            ("emails", "type"): literal("work", Text),
            ("emails", "primary"): literal(value=True),
            ("roles", "value"): func.upper(cast(member.role, Text)),
            ("groups", "value"): link.group_id,
            ("groups", "display"): group.display_name,
            ("meta", "created"): member.created_at,
            ("meta", "last_modified"): func.greatest(member.updated_at, person.updated_at),
            ("meta", "resource_type"): literal("User", Text),
        },
        {"groups": in_group},
        frozenset({("external_id", None)}),
    )


@cache
def group_columns() -> Columns:
    """Return the columns of a group's attributes."""
    group, link = (table.c for table in _tables()[2:])

    def has_member(condition: ColumnElement[bool]) -> ColumnElement[bool]:
        links = _tables()[3]
        of_group = (link.organization_id == ORGANIZATION, link.group_id == group.id)
        return exists().select_from(links).where(*of_group, condition).correlate(_tables()[2])

    return Columns(
        {
            ("id", None): group.id,
            ("external_id", None): group.external_id,
            ("display_name", None): group.display_name,
            ("members", "value"): link.user_id,
            ("members", "type"): literal("User", Text),
            ("meta", "created"): group.created_at,
            ("meta", "last_modified"): group.updated_at,
            ("meta", "resource_type"): literal("Group", Text),
        },
        {"members": has_member},
        frozenset({("external_id", None)}),
    )


def _users() -> Select[*tuple[Any, ...]]:
    members, people, *_ = _tables()
    columns = user_columns().of
    return (
        select(
            members.c.user_id.label("id"),
            members.c.external_id,
            columns["user_name", None].label("user_name"),
            members.c.role,
            members.c.status,
            members.c.created_at,
            columns["meta", "last_modified"].label("updated_at"),
            members.c.version.label("member_version"),
            people.c.version.label("person_version"),
            *(people.c[name] for name in ("email", "full_name", "first_name", "last_name")),
            people.c.job_title,
        )
        .select_from(members.join(people, people.c.id == members.c.user_id))
        .where(members.c.organization_id == ORGANIZATION, people.c.service_of.is_(None))
    )


def _groups() -> Select[*tuple[Any, ...]]:
    groups = _tables()[2]
    names = ("id", "external_id", "display_name", "version", "created_at", "updated_at")
    found = select(*(groups.c[name] for name in names))
    return found.where(groups.c.organization_id == ORGANIZATION)


async def user(session: ViewerSession, organization_id: UUID, id: UUID) -> User | None:
    """Return a user of the organization; None when there is none."""
    return (await users_by_id(session, organization_id, [id])).get(id)


async def users_by_id(
    session: ViewerSession, organization_id: UUID, ids: Collection[UUID]
) -> dict[UUID, User]:
    """Return the users of the organization with these IDs."""
    statement = _users().where(_tables()[0].c.user_id == any_(IDS))
    rows = await session.query(statement, {"organization": organization_id, "ids": list(ids)})
    found = await users_of(session, organization_id, rows)
    return {row["id"]: user for row, user in zip(rows, found, strict=True)}


async def group(
    session: ViewerSession, organization_id: UUID, id: UUID, parameters: Any = None
) -> Group | None:
    """Return a group of the organization; None when there is none."""
    statement = _groups().where(_tables()[2].c.id == bindparam("id", type_=Uuid))
    values = {"organization": organization_id, "id": id}
    rows = await session.query(statement, values)
    found = await groups_of(session, organization_id, rows, parameters)
    return found[0] if found else None


async def search(
    session: ViewerSession,
    organization_id: UUID,
    model: type[Resource[Any]],
    request: SearchRequest[Any],
) -> tuple[int, Sequence[Resource[Any]]]:
    """Return the number of resources of this type that match, and those of the page.

    Raises InvalidFilterException.
    """
    is_user = model is User
    columns, statement = (user_columns(), _users()) if is_user else (group_columns(), _groups())
    statement = statement.where(Conditions.of(model, request.filter, columns))
    values = {"organization": organization_id}
    counted = select(func.count().label("number")).select_from(statement.subquery("found"))
    (total,) = await session.query(counted, values)
    start, count = request.start_index_0 or 0, request.count
    if count == 0 or start >= total["number"]:
        return total["number"], []
    page = statement.order_by(*_order(model, request, columns)).offset(start).limit(count)
    rows = await session.query(page, values)
    build = users_of if is_user else groups_of
    return total["number"], await build(session, organization_id, rows, request)


def _order(
    model: type[Resource[Any]], request: SearchRequest[Any], columns: Columns
) -> list[ColumnElement[Any]]:
    created = columns.of["meta", "created"]
    order = [created, columns.of["id", None]]
    binding = request.sort_binding(model)
    if binding is None:
        return order
    path = (binding.field_name, binding.sub_field_name)
    column = columns.of.get(path)
    if column is None or path[0] in columns.exists:
        return order
    key = func.lower(column) if isinstance(column.type, Text) else column
    descending = request.sort_order == SearchRequest.SortOrder.descending
    return [nulls_last(key.desc() if descending else key.asc()), *order]


async def users_of(
    session: ViewerSession, organization_id: UUID, rows: Sequence[Any], parameters: Any = None
) -> list[User]:
    """Return the resources of these rows of users, with their groups."""
    groups: Mapping[UUID, list[Any]] = defaultdict(list)
    if rows and includes(parameters, "groups"):
        *_, groups_, links = _tables()
        statement = (
            select(links.c.user_id, groups_.c.id, groups_.c.display_name)
            .select_from(links.join(groups_, groups_.c.id == links.c.group_id))
            .where(links.c.organization_id == ORGANIZATION, links.c.user_id == any_(IDS))
            .order_by(groups_.c.display_name, groups_.c.id)
        )
        values = {"organization": organization_id, "ids": [row["id"] for row in rows]}
        for row in await session.query(statement, values):
            groups[row["user_id"]].append(row)
    return [_user(row, groups[row["id"]]) for row in rows]


async def groups_of(
    session: ViewerSession, organization_id: UUID, rows: Sequence[Any], parameters: Any = None
) -> list[Group]:
    """Return the resources of these rows of groups, with their members. Raises TooManyMembers."""
    members: Mapping[UUID, list[Any]] = defaultdict(list)
    if rows and includes(parameters, "members"):
        for row in await _links(session, organization_id, [row["id"] for row in rows]):
            members[row["group_id"]].append(row)
    return [_group(row, members[row["id"]]) for row in rows]


async def _links(
    session: ViewerSession, organization_id: UUID, ids: Collection[UUID]
) -> Sequence[Any]:
    members, *_, links = _tables()
    statement = (
        select(links.c.group_id, links.c.user_id)
        .select_from(links.join(members, members.c.user_id == links.c.user_id))
        .where(
            links.c.organization_id == ORGANIZATION,
            members.c.organization_id == ORGANIZATION,
            links.c.group_id == any_(IDS),
        )
        .order_by(links.c.created_at, links.c.id)
        .limit(MAX_MEMBERS + 1)
    )
    rows = await session.query(statement, {"organization": organization_id, "ids": list(ids)})
    if len(rows) > MAX_MEMBERS:
        raise TooManyMembers
    return rows


def includes(parameters: ResponseParameters[Any] | None, name: str) -> bool:
    """Return whether a response with these parameters may have the attribute."""
    if parameters is None:
        return True
    wanted, left_out = parameters.attributes, parameters.excluded_attributes
    if wanted:
        return any(_head(path) == name for path in wanted)
    return not any(str(path).lower().rpartition(":")[2] == name for path in left_out or ())


def _head(path: Path[Any]) -> str:
    return str(path).lower().rpartition(":")[2].partition(".")[0].partition("[")[0]


def _user(row: Any, groups: Sequence[Any]) -> User:
    has_name = row["first_name"] or row["last_name"]
    name = Name(given_name=row["first_name"], family_name=row["last_name"])
    return User(
        id=str(row["id"]),
        external_id=row["external_id"],
        user_name=row["user_name"],
        name=name if has_name else None,
        display_name=row["full_name"],
        title=row["job_title"],
        active=row["status"] == UserStatus.ACTIVE,
        emails=[Email(value=row["email"], type="work", primary=True)],
        groups=[
            GroupMembership(
                value=str(one["id"]),
                ref=Reference(f"Groups/{one['id']}"),
                display=one["display_name"],
                type="direct",
            )
            for one in groups
        ]
        or None,
        roles=[Role(value=UserRoleType(row["role"]).name)],
        meta=Meta(
            resource_type="User",
            created=row["created_at"],
            last_modified=row["updated_at"],
            version=f'W/"{row["member_version"]}.{row["person_version"]}"',
        ),
    )


def _group(row: Any, members: Sequence[Any]) -> Group:
    return Group(
        id=str(row["id"]),
        external_id=row["external_id"],
        display_name=row["display_name"],
        members=[
            Member(
                value=str(one["user_id"]),
                ref=Reference(f"Users/{one['user_id']}"),
                type="User",
            )
            for one in members
        ]
        or None,
        meta=Meta(
            resource_type="Group",
            created=row["created_at"],
            last_modified=row["updated_at"],
            version=f'W/"{row["version"]}"',
        ),
    )
