"""The command `gateway`: what there is to say to it, and how it fails.

The commands' work is in `graph.commands`. Each imports what it needs when it runs, so that the
quick ones stay quick. The result goes to standard output, everything else to standard error.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graph.commands import audit, clients

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(
    help="A GraphQL gateway over PostgreSQL for multi-tenant requirements management.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="People who may sign in.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(audit.app, name="audit")
app.add_typer(clients.app, name="client")

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
PasswordFromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@app.command()
def dev(
    reload: Annotated[bool, typer.Option(help="Restart when the source changes.")] = True,
) -> None:
    """Run with a PostgreSQL of its own, its tables and demo data; for developers."""
    from graph.commands import server

    server.dev(_settings(), reload=reload)


@app.command()
def serve(
    migrate: Annotated[bool, typer.Option("--migrate", help="Migrate the tables first.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
) -> None:
    """Run for others, on the database of DATABASE_URL."""
    from graph.commands import server

    server.serve(_settings(), migrate_first=migrate, workers=workers)


@app.command()
def migrate() -> None:
    """Bring the database's tables to this version."""
    from graph.commands import database

    with database.running(_settings()) as dsn:
        database.migrate(dsn)


@app.command()
def demo() -> None:
    """Create the demo's organization, documents and people, and print their passwords."""
    from graph.commands import database
    from graph.commands.demo import create

    settings = _settings()
    with database.running(settings) as dsn:
        for account in create(dsn, settings):
            typer.echo(f"{account.email}  {account.password}  {account.who}")


@users.command("create")
def create_user(
    email: Email,
    name: Annotated[str | None, typer.Option(help="Their full name.")] = None,
    password_stdin: PasswordFromInput = False,
) -> None:
    """Create somebody who may sign in. Asks for the password unless it comes from the input."""
    from graph.commands import people

    people.create(_settings(), email, name, _password(from_input=password_stdin))


@users.command("password")
def change_password(email: Email, password_stdin: PasswordFromInput = False) -> None:
    """Give somebody another password, and sign them out everywhere."""
    from graph.commands import people

    people.change_password(_settings(), email, _password(from_input=password_stdin))


@users.command("approve")
def approve_user(email: Email) -> None:
    """Let somebody in who has signed up, and tell them by mail."""
    from graph.commands import people

    people.let_in(_settings(), email)


@users.command("second-factor-off")
def turn_second_factor_off(email: Email) -> None:
    """Ask somebody for no codes any more, who has lost both their app and their recovery codes."""
    from graph.commands import people

    people.turn_second_factor_off(_settings(), email)


@app.command()
def token(
    email: Email,
    days: Annotated[int, typer.Option(min=1, help="Days until it expires.")] = 30,
    scope: Annotated[
        str | None, typer.Option(help="Scopes it is narrowed to, separated by spaces.")
    ] = None,
) -> None:
    """Print a bearer token of somebody, for scripts; it is shown this once."""
    from graph.commands import people

    typer.echo(people.token(_settings(), email, days, scope))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The file.")],
    project: Annotated[str, typer.Option(help="Id or slug of the project.")],
    email: Annotated[
        str | None,
        typer.Option("--as", help="Who imports: their e-mail address; by default an owner."),
    ] = None,
    document: Annotated[
        str | None, typer.Option(help="Id of the document to extend, or name of a new one.")
    ] = None,
    format: Annotated[
        Literal["csv", "reqif"] | None, typer.Option(help="By default the file's ending tells.")
    ] = None,
    map: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=FIELD", help="Where a column belongs.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do all, keep nothing.")] = False,
) -> None:
    """Import requirements from a CSV or ReqIF file."""
    from graph.commands.exchange import import_requirements

    import_requirements(
        _settings(),
        file,
        email=email,
        project=project,
        document=document,
        format=format,
        columns=map or [],
        dry_run=dry_run,
    )


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from graph.schema import schema

    typer.echo(schema.as_str())


@app.command()
def settings() -> None:
    """Print every setting with its default, as a Markdown table."""
    from graph.settings import table

    typer.echo(table(), nl=False)


@app.command()
def doctor() -> None:
    """Look for what is wrong with the installation, and say what to do."""
    from rich.console import Console
    from rich.table import Table

    from graph.commands.doctor import examine

    findings = examine(_settings())
    table = Table("", "Looked at", "Found", "What to do")
    for finding in findings:
        mark = "[red]✗[/]" if finding.advice else "[green]✓[/]"
        table.add_row(mark, finding.subject, finding.state, finding.advice)
    Console().print(table)
    raise typer.Exit(any(finding.advice for finding in findings))


def main() -> None:
    """The console script: a failure that a person can mend is one sentence and exit code 1."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(0)
    except Exception as error:
        from graph.commands.failure import sentence

        if (told := sentence(error)) is None:
            raise
        sys.stderr.write(f"gateway: {told}\n")
        sys.exit(1)


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()


def _password(*, from_input: bool) -> str:
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


if __name__ == "__main__":
    main()
