"""The command `gateway`: its arguments, and its failures.

The commands' work is in `graph.commands`. Each imports what it needs when it runs, so that the
quick ones stay quick. The result goes to standard output, everything else to standard error.
"""

import atexit
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graph.commands import (
    accounts,
    audit,
    billing,
    build_reports,
    clients,
    frameworks,
    secrets,
    signing_keys,
    usage,
    users,
    webhooks,
)

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(
    help="A GraphQL gateway over PostgreSQL for multi-tenant requirements management.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.app, name="user")
app.add_typer(accounts.app, name="account")
app.add_typer(secrets.app, name="secret")
app.add_typer(audit.app, name="audit")
app.add_typer(billing.app, name="billing")
app.add_typer(clients.app, name="client")
app.add_typer(signing_keys.app, name="signing-key")
app.add_typer(usage.app, name="usage")
app.add_typer(frameworks.app, name="framework")
app.add_typer(webhooks.app, name="webhooks")
app.command()(build_reports.report)

# What a command imports stays: looking through it again and again takes a quarter of the start, and
# once more at the end a third of a short command. A worker process imports this module too.
gc.set_threshold(200_000)
atexit.register(gc.freeze)

Email = Annotated[str, typer.Argument(help="The email address of the user.")]


@app.command()
def dev(
    reload: Annotated[bool, typer.Option(help="Restart when the source code changes.")] = True,
) -> None:
    """Start a development server with an embedded PostgreSQL and demo data."""
    from graph.commands import server

    server.dev(_settings(), reload=reload)


@app.command()
def serve(
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Run the migrations before starting.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="The number of worker processes.")] = 1,
) -> None:
    """Start the server on the database of DATABASE_URL."""
    from graph.commands import server

    server.serve(_settings(), migrate_first=migrate, workers=workers)


@app.command()
def worker(
    slots: Annotated[int, typer.Option(min=1, max=100, help="The number of jobs at a time.")] = 4,
    drain: Annotated[
        float, typer.Option(min=0, help="The seconds that jobs have to end on SIGTERM.")
    ] = 20,
    metrics_port: Annotated[
        int | None, typer.Option(help="The port to serve Prometheus metrics on. None by default.")
    ] = None,
) -> None:
    """Run background jobs until SIGTERM, without serving requests."""
    from graph.commands import jobs

    jobs.work(_settings(), slots=slots, drain=drain, metrics_port=metrics_port)


@app.command("jobs")
def list_jobs() -> None:
    """Print the jobs of the gateway itself: the next time, and the last error of each."""
    from graph.commands import jobs

    for line in jobs.own_jobs(_settings()):
        typer.echo(line)


@app.command()
def migrate() -> None:
    """Migrate the database to this version."""
    from graph.commands import database

    with database.running(_settings()) as at:
        database.migrate(at)


@app.command()
def demo() -> None:
    """Create the demo organization with documents and users, and print their passwords."""
    from graph.commands import database
    from graph.commands.demo import create

    settings = _settings()
    with database.running(settings) as at:
        for account in create(at, settings):
            typer.echo(f"{account.email}  {account.password}  {account.who}")


@app.command()
def token(
    email: Email,
    days: Annotated[
        int, typer.Option(min=1, max=36_500, help="The number of days until the token expires.")
    ] = 30,
    scope: Annotated[
        str | None,
        typer.Option(help="The scopes of the token, separated by spaces. All by default."),
    ] = None,
) -> None:
    """Create a personal token of a user, and print it. It cannot be shown again."""
    from graph.commands import people

    typer.echo(people.token(_settings(), email, days, scope))


@app.command()
def listen(
    endpoint: Annotated[str, typer.Argument(help="The ID of the webhook endpoint.")],
    forward_to: Annotated[str, typer.Option(help="The URL on your machine to forward to.")],
    url: Annotated[str, typer.Option(help="The URL of the gateway.")] = "http://127.0.0.1:8000",
    token: Annotated[
        str, typer.Option(envvar="API_TOKEN", help="A token or key with the scope `admin`.")
    ] = "",
    days: Annotated[
        float, typer.Option(min=0, max=30, help="Replay the messages of so many days first.")
    ] = 0,
    secret: Annotated[
        str | None, typer.Option(help="The secret to sign with. A new one is printed by default.")
    ] = None,
) -> None:
    """Forward the messages of a webhook endpoint to a URL on this machine."""
    from graph.commands import listen

    listen.listen(url, token, endpoint, forward_to, days=days, secret=secret)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The file: CSV, XLSX, ReqIF, StrictDoc, JUnit.")],
    project: Annotated[str, typer.Option(help="The ID or slug of the project.")],
    email: Annotated[
        str | None,
        typer.Option(
            "--as", help="The email address of the importing user. The default is an owner."
        ),
    ] = None,
    document: Annotated[
        str | None, typer.Option(help="The ID of an existing document, or the name of a new one.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="The format, such as csv or reqif. The default follows from the file extension,"
            " and that of an XML file from its content."
        ),
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=FIELD", help="The field that a column is imported to. Repeatable."
        ),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="The delimiter of a CSV file. Detected by default.")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="The encoding of a CSV file if it is not Unicode, such as cp1252."),
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option(help="The ID or name of a saved mapping. Other options take precedence."),
    ] = None,
    export: Annotated[
        str | None,
        typer.Option(
            help="The ID of an export, of which the file is a returned copy: its edits are proposed"
            " as a change set, and nothing else is written."
        ),
    ] = None,
    propose_deletions: Annotated[
        bool,
        typer.Option(
            "--propose-deletions", help="Propose to delete what a returned file does not have."
        ),
    ] = False,
    create_tests: Annotated[
        bool, typer.Option("--create-tests", help="Create test cases for unknown results.")
    ] = False,
    product_version: Annotated[
        str | None, typer.Option(help="The version of the product that was tested.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option(help="The environment in which the tests were executed.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report the result without storing anything.")
    ] = False,
) -> None:
    """Import requirements from a file, or test results from JUnit XML."""
    from graph.commands.exchange import ImportArguments, import_requirements
    from graph.commands.options import refuse_options
    from graph.commands.test_results import ends_in_junit, import_test_results

    of_tables: dict[str, object] = {
        "--document": document,
        "--map": map,
        "--delimiter": delimiter,
        "--encoding": encoding,
        "--mapping": mapping,
        "--export": export,
        "--propose-deletions": propose_deletions,
    }
    of_results = {
        "--create-tests": create_tests,
        "--product-version": product_version,
        "--environment": environment,
    }
    if format == "junit" or (format is None and ends_in_junit(file)):
        refuse_options(of_tables, "test results")
        import_test_results(
            _settings(),
            file,
            email=email,
            project=project,
            create=create_tests,
            version=product_version,
            environment=environment,
            dry_run=dry_run,
        )
        return
    refuse_options(of_results, "requirements")
    if propose_deletions and not export:
        refuse_options({"--propose-deletions": True}, "a file that is not returned")
    given = ImportArguments(
        email=email,
        document=document,
        format=format,
        columns=map or [],
        mapping=mapping,
        delimiter=delimiter,
        encoding=encoding,
        export=export,
        deletes=propose_deletions,
        dry_run=dry_run,
    )
    import_requirements(_settings(), file, project=project, given=given)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write. It must not exist.")],
    project: Annotated[str, typer.Option(help="The ID or slug of the project.")],
    email: Annotated[
        str | None,
        typer.Option(
            "--as", help="The email address of the exporting user. The default is an owner."
        ),
    ] = None,
    document: Annotated[
        str | None, typer.Option(help="The ID of a document. The default is all documents.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="The format, such as csv, reqif or pdf. The default follows from the file"
            " extension."
        ),
    ] = None,
    filter: Annotated[
        str | None,
        typer.Option(
            help="A RequirementFilterInput of the API in JSON, such as"
            ' \'{"status": {"eq": "APPROVED"}}\'.'
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="The ID of a baseline, whose content is exported.")
    ] = None,
    change_set: Annotated[
        str | None,
        typer.Option(help="The ID of a change set: the state that it proposes is exported."),
    ] = None,
    language: Annotated[
        Literal["en", "de", "fr"],
        typer.Option(help="The language of the labels of html, pdf and matrix."),
    ] = "en",
) -> None:
    """Export the requirements of a project, or of one document, to a file."""
    from graph.commands.exchange import export_requirements
    from graph.commands.export_options import ExportOptions

    options = ExportOptions(document, format, filter, baseline, change_set, language)
    export_requirements(_settings(), file, email=email, project=project, options=options)


@app.command()
def schema(
    since: Annotated[
        Path | None,
        typer.Option(help="Print the changes since the schema in this file instead, as Markdown."),
    ] = None,
) -> None:
    """Print the GraphQL schema."""
    from graph.schema import schema

    if since is None:
        typer.echo(schema.as_str())
        return
    from graph.commands.schema_changes import schema_changes

    typer.echo(schema_changes(since.read_text(errors="replace"), schema.as_str()), nl=False)


@app.command()
def settings() -> None:
    """Print every setting with its default, as a Markdown table."""
    from graph.settings.table import table

    typer.echo(table(), nl=False)


@app.command()
def doctor() -> None:
    """Check the installation, and print a recommendation for each problem."""
    from rich.console import Console
    from rich.table import Table

    from graph.commands.doctor import examine

    findings = examine(_settings())
    table = Table("", "Check", "Result", "Recommendation")
    for finding in findings:
        mark = "[red]✗[/]" if finding.advice else "[green]✓[/]"
        table.add_row(mark, finding.subject, finding.state, finding.advice)
    Console().print(table)
    raise typer.Exit(any(finding.advice for finding in findings))


def main() -> None:
    """Run the command line: a failure that a person can fix is one sentence and exit code 1."""
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


if __name__ == "__main__":
    main()
