"""Events of assignments and trace links have the document of the object that they refer to."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_placed_events"
down_revision = "2026_11_30_text"

# Such rows stand in a project, and have no document of their own; whoever follows the document of
# the requirement hears of them by this. It runs as whoever writes, and sees what they may see. What
# is inserted by the same statement as the event is not seen yet, so a new row's key is the event's.
PLACE = """
CREATE FUNCTION ctx.place_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    about uuid := coalesce(
        (NEW.new_data ->> 'entity_id')::uuid,
        (NEW.new_data ->> 'source_id')::uuid,
        (SELECT a.entity_id FROM public.assignments AS a WHERE a.id = NEW.entity_id),
        (SELECT l.source_id FROM public.trace_links AS l WHERE l.id = NEW.entity_id));
BEGIN
    NEW.document_id := coalesce(
        (SELECT r.document_id FROM public.requirements AS r WHERE r.id = about),
        (SELECT b.document_id FROM public.blocks AS b WHERE b.id = about),
        (SELECT d.id FROM public.documents AS d WHERE d.id = about));
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER place_event BEFORE INSERT ON audit_logs FOR EACH ROW
WHEN (NEW.document_id IS NULL AND NEW.entity_type IN ('Assignment', 'TraceLink'))
EXECUTE FUNCTION ctx.place_event()
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(PLACE)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP TRIGGER place_event ON audit_logs")
    op.execute("DROP FUNCTION ctx.place_event()")
