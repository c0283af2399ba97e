"""One line of the policy, the least role for each action on one entity, and products of lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from auth.viewer import Role
from db.base import Entity

Action = Literal["read", "create", "update", "delete"]
ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True)
class Rule:
    """The least role that may take each action; restoring needs the role for deleting.

    `own` names the column that holds the person a row belongs to, who may take `own_actions`
    whatever their role; those who read it by a role alone, only while they have it. With a token
    for one project they do so in that project, which the column `own_within` names. `seen_with`
    opens a row to viewers who may read a row of another model that names it. `also_read` is one
    more role, outside the order, that may read. `unplaced` is the least role at the organization
    that reads rows which are in no project. `inside` rows are for people of their organization
    alone, and not for those who see its billing: who only reads a public project does not learn who
    works on it.
    """

    read: Role
    create: Role
    update: Role
    delete: Role
    own: str | None = None
    own_actions: tuple[Action, ...] = ()
    own_within: str = "project_id"
    seen_with: tuple[type[Entity], str] | None = None
    also_read: Role | None = None
    inside: bool = False
    unplaced: Role | None = None

    @property
    def is_open(self) -> bool:
        """Return whether everybody who is signed in reads the rows, which are of no tenant."""
        return self.read is Role.ANYONE

    @property
    def reads_own(self) -> bool:
        """Return whether the person a row belongs to reads it whatever their role."""
        return "read" in self.own_actions

    def least(self, action: Action) -> Role:
        return getattr(self, action)  # type: ignore[no-any-return]

    def __str__(self) -> str:
        text = "".join(f"{self.least(action).name:<10}" for action in ACTIONS)
        if self.own:
            text += f"own ({self.own}): {', '.join(self.own_actions)}  "
        if self.seen_with:
            text += f"read with {self.seen_with[0].__name__}.{self.seen_with[1]}  "
        if self.also_read:
            text += f"read by {self.also_read.name}  "
        if self.unplaced:
            text += f"read by {self.unplaced.name} if in no project  "
        if self.inside:
            text += "inside the organization"
        return text


class Product(NamedTuple):
    """A product: its lines of the policy, and the words for the scopes of its tokens."""

    rules: Mapping[type[Entity], Rule]
    subject: str
    """The objects that the scopes for reading and writing open, in words."""
    work: str | None = None
    """The work of its workers outside of the gateway, after "Run"; None if it has none."""
