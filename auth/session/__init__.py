"""Access to rows: what a viewer can read, and the transaction in which they write.

Nothing else in the gateway reads or writes rows of the tenant tree, so a resolver cannot forget a
check: it is given no session but its viewer's.
"""

from auth.origin import Origin
from auth.session.reading import ViewerSession
from auth.session.row import Row
from auth.session.select import Join, Output, Select, outputs_of
from auth.session.time_travel import Past, has_past
from auth.session.write.idempotency import Answered
from auth.session.write.transaction import Transaction

__all__ = [
    "Answered",
    "Join",
    "Origin",
    "Output",
    "Past",
    "Row",
    "Select",
    "Transaction",
    "ViewerSession",
    "has_past",
    "outputs_of",
]
