"""Access to rows: what a viewer can read, and the transaction in which they write.

Nothing else in the gateway reads or writes rows of the tenant tree, so a resolver cannot forget a
check: it is given no session but its viewer's.
"""

from auth.session.frozen_past import Frozen
from auth.session.idempotency import Answered
from auth.session.origin import Origin
from auth.session.past import Past
from auth.session.reading import ViewerSession
from auth.session.row import Row
from auth.session.transaction import Transaction

__all__ = ["Answered", "Frozen", "Origin", "Past", "Row", "Transaction", "ViewerSession"]
