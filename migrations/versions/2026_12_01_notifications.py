"""Kinds of notifications, the preferences of people for each, mail, and the retention."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT, TIME, create_enums, drop, enum

revision = "2026_12_01_notifications"
down_revision = "2026_12_01_external_checks"

ENUMS = {
    "notification_kind": ("assignments", "comments", "reviews", "roles", "system"),
    "notification_mail": ("off", "at_once", "daily"),
}
KINDS = {
    "assignments": ("assigned", "due"),
    "comments": ("mentioned", "replied", "commented", "resolved"),
    "reviews": ("review_asked", "review_due", "review_verdicts"),
    "roles": (
        "role_granted",
        "role_changed",
        "role_revoked",
        "project_role_changed",
        "organization_transferred",
        "invitation_accepted",
        "invitation_declined",
    ),
}
"""The kinds of the notifications that there are, by event."""

# Whoever writes a notification need not read the preferences of its recipient. What the recipient
# has not set is as by default; so is a value that is unknown.
APPLY = """
CREATE FUNCTION ctx.apply_notification_preferences() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted jsonb;
BEGIN
    SELECT p.notification_settings -> NEW.kind::text INTO wanted
    FROM public.profiles AS p WHERE p.id = NEW.user_id;
    NEW.in_app := coalesce(wanted ->> 'in_app', 'true') <> 'false';
    NEW.mail := CASE
        WHEN wanted ->> 'mail' IN ('off', 'at_once', 'daily')
            THEN (wanted ->> 'mail')::public.notification_mail
        WHEN NEW.kind IN ('assignments', 'reviews', 'system')
            THEN 'at_once'::public.notification_mail
        ELSE 'daily'::public.notification_mail
    END;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER apply_preferences BEFORE INSERT ON notifications
FOR EACH ROW EXECUTE FUNCTION ctx.apply_notification_preferences()
"""
# People with notifications to mail, in the order of their ids, and when they last had a digest.
RECIPIENTS = """
CREATE FUNCTION ctx.notification_recipients(
    mode public.notification_mail, within interval, after uuid, most int)
RETURNS TABLE (user_id uuid, time_zone text, oldest timestamptz, newest timestamptz,
    digest_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT n.user_id, p.time_zone, n.oldest, n.newest,
    (SELECT max(m.mailed_at) FROM public.notifications AS m
        WHERE m.user_id = n.user_id AND m.mail = 'daily' AND m.mailed_at IS NOT NULL)
FROM (
    SELECT w.user_id, min(w.created_at) AS oldest, max(w.created_at) AS newest
    FROM public.notifications AS w
    WHERE w.mail = mode AND w.mail <> 'off' AND w.mailed_at IS NULL AND w.unread
        AND w.deleted_at IS NULL AND w.created_at > now() - within AND w.user_id > after
    GROUP BY w.user_id ORDER BY w.user_id LIMIT most
) AS n
JOIN public.profiles AS p ON p.id = n.user_id
ORDER BY n.user_id
$$
"""
# The notifications to mail to a person, the oldest first, and the address; none for an account that
# is closed, suspended or of a service.
TO_MAIL = """
CREATE FUNCTION ctx.notifications_to_mail(
    person uuid, mode public.notification_mail, within interval, until timestamptz, most int)
RETURNS TABLE (id uuid, organization_id uuid, title text, message text, metadata jsonb,
    email text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT n.id, n.organization_id, n.title, n.message, n.metadata, p.email
FROM public.notifications AS n
JOIN public.profiles AS p ON p.id = n.user_id
WHERE n.user_id = person AND n.mail = mode AND n.mail <> 'off' AND n.mailed_at IS NULL
    AND n.unread AND n.deleted_at IS NULL AND n.created_at > now() - within
    AND n.created_at <= until AND p.deleted_at IS NULL AND p.status = 'active'
    AND p.service_of IS NULL
ORDER BY n.created_at, n.id LIMIT most
$$
"""
MAILED = """
CREATE FUNCTION ctx.notifications_mailed(person uuid, ids uuid[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
UPDATE public.notifications AS n SET mailed_at = now()
WHERE n.id = ANY (ids) AND n.user_id = person AND n.mailed_at IS NULL
$$
"""
PRUNE = """
CREATE FUNCTION ctx.prune_notifications(read_for interval, kept_for interval, most int)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pruned bigint;
BEGIN
    DELETE FROM public.notifications AS n WHERE n.id IN (
        (SELECT r.id FROM public.notifications AS r
        WHERE r.read_at < now() - read_for ORDER BY r.read_at LIMIT most)
        UNION
        (SELECT o.id FROM public.notifications AS o
        WHERE o.created_at < now() - kept_for ORDER BY o.created_at LIMIT most)
        LIMIT most);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    RETURN pruned;
END $$
"""
FUNCTIONS = {
    "ctx.notification_recipients(notification_mail, interval, uuid, int)": RECIPIENTS,
    "ctx.notifications_to_mail(uuid, notification_mail, interval, timestamptz, int)": TO_MAIL,
    "ctx.notifications_mailed(uuid, uuid[])": MAILED,
    "ctx.prune_notifications(interval, interval, int)": PRUNE,
}
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
MYSELF = "user_id = (SELECT ctx.user_id())"
SENT = "created_by = (SELECT ctx.user_id())"
# A reminder has no author, and its row is shown to whoever inserts it, in the same transaction.
SHOWN = f"({MYSELF} AND (in_app OR created_at = now()) OR {SENT})"
FORMER = f"({MYSELF} OR {SENT})"

# What is not shown in the app is no event of the feed either.
EVENT = "WHERE e.xid = pg_current_xact_id()"
SHOWN_EVENT = (
    f"{EVENT} AND NOT (e.entity_type = 'Notification' AND EXISTS"
    " (SELECT FROM public.notifications AS n WHERE n.id = e.entity_id AND NOT n.in_app))"
)
ERASED = "preferences = ''{}'',"
ALL_ERASED = f"{ERASED} notification_settings = ''{{}}'',"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    create_enums(ENUMS)
    settings = sa.Column(
        "notification_settings", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
    )
    op.add_column("profiles", settings)
    op.create_check_constraint(
        op.f("ck_profiles_notification_settings_object"),
        "profiles",
        "jsonb_typeof(notification_settings) = 'object'",
    )
    for column in (
        sa.Column("kind", enum("notification_kind"), server_default="system", nullable=False),
        sa.Column("in_app", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("mail", enum("notification_mail"), server_default="off", nullable=False),
        sa.Column("mailed_at", TIME, nullable=True),
    ):
        op.add_column("notifications", column)
    for kind, events in KINDS.items():
        listed = ", ".join(map(repr, events))
        op.execute(
            f"UPDATE notifications SET kind = '{kind}' WHERE metadata ->> 'event' IN ({listed})"  # noqa: S608 (ours)
        )
    op.execute(APPLY)
    op.execute(TRIGGER)
    for name, sql in FUNCTIONS.items():
        op.execute(sql)
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO gateway_auth")
    show(SHOWN)
    replace_in("ctx.enter_feed()", EVENT, SHOWN_EVENT)
    replace_in("ctx.erase_person(uuid)", ERASED, ALL_ERASED)


def show(condition: str) -> None:
    """Show requests the notifications of their tenants that meet the condition."""
    op.execute(f"ALTER POLICY tenant_select ON notifications USING ({OWN_TENANT} AND {condition})")


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function, which has it once."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if text.count(old) != 1:
        raise LookupError(f"{function} has no single {old}.")
    bind.exec_driver_sql(text.replace(old, new))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    replace_in("ctx.erase_person(uuid)", ALL_ERASED, ERASED)
    replace_in("ctx.enter_feed()", SHOWN_EVENT, EVENT)
    show(FORMER)
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP TRIGGER apply_preferences ON notifications")
    op.execute("DROP FUNCTION ctx.apply_notification_preferences()")
    for column in ("mailed_at", "mail", "in_app", "kind"):
        op.drop_column("notifications", column)
    op.drop_column("profiles", "notification_settings")
    drop((), ENUMS)
