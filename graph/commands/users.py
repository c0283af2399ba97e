"""The commands of `gateway user`: create and approve users, and change how they sign in."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(help="Manage user accounts.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The email address of the user.")]
PasswordFromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command("create")
def create_user(
    email: Email,
    name: Annotated[str | None, typer.Option(help="The full name of the user.")] = None,
    password_stdin: PasswordFromInput = False,
) -> None:
    """Create a user. Prompts for the password unless --password-stdin is given."""
    from graph.commands import people

    people.create(_settings(), email, name, _password(from_input=password_stdin))


@app.command("password")
def change_password(email: Email, password_stdin: PasswordFromInput = False) -> None:
    """Change the password of a user, and end all their sessions."""
    from graph.commands import people

    people.change_password(_settings(), email, _password(from_input=password_stdin))


@app.command("approve")
def approve_user(email: Email) -> None:
    """Approve a user who has signed up, and notify them by email."""
    from graph.commands import people

    people.let_in(_settings(), email)


@app.command("second-factor-off")
def turn_second_factor_off(email: Email) -> None:
    """Turn off the second factor of a user who has lost the app and the recovery codes."""
    from graph.commands import people

    people.turn_second_factor_off(_settings(), email)


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password
