"""The tables, and the ladder that leads an older file to them.

STRICT tables; exact numbers as text, sums as scaled integers; UTC microseconds. Triggers refuse to
change or delete what is kept for good: the audit log, a spent approval, a submission, what was asked
for and what was shown. A step that was released is never edited: a new one is added.
"""

from __future__ import annotations

from ibgw_tui.core.lifecycle import AT_BROKER, OPEN, Status
from ibgw_tui.core.orders import ApprovalStatus


def _words(values: list[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_STATUSES = _words([status.value for status in Status])
_OPEN = _words(sorted(status.value for status in OPEN))
_LIVE = _words(sorted(status.value for status in OPEN | AT_BROKER))
_APPROVALS = _words([status.value for status in ApprovalStatus])

FIRST: tuple[str, ...] = (
    f"""CREATE TABLE orders (
        seq INTEGER PRIMARY KEY,
        order_ref TEXT NOT NULL UNIQUE,
        revision INTEGER NOT NULL CHECK (revision >= 1),
        revises TEXT UNIQUE REFERENCES orders (order_ref),
        status TEXT NOT NULL CHECK (status IN ({_STATUSES})),
        staged_by TEXT NOT NULL,
        account TEXT NOT NULL,
        symbol TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
        order_type TEXT NOT NULL,
        quantity TEXT NOT NULL,
        limit_price TEXT,
        stop_price TEXT,
        staged_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        mode TEXT CHECK (mode IN ('paper', 'live')),
        con_id INTEGER,
        currency TEXT,
        notional_u INTEGER,
        preview_expires_us INTEGER,
        approval_expires_us INTEGER,
        worst TEXT,
        refusal_code TEXT,
        submit_asked INTEGER NOT NULL DEFAULT 0 CHECK (submit_asked IN (0, 1)),
        filled TEXT NOT NULL DEFAULT '0',
        average_price TEXT,
        commission TEXT,
        perm_id INTEGER,
        reason_code TEXT,
        reason TEXT NOT NULL DEFAULT '',
        cancel_asked_by TEXT,
        cancel_sent_us INTEGER,
        intent TEXT NOT NULL
    ) STRICT""",
    f"CREATE INDEX orders_live ON orders (status, seq) WHERE status IN ({_LIVE})",
    f"CREATE INDEX orders_open_by ON orders (staged_by) WHERE status IN ({_OPEN})",
    f"CREATE INDEX orders_lapse ON orders (preview_expires_us) WHERE status IN ({_OPEN})",
    f"CREATE INDEX orders_exposed ON orders (account, con_id) WHERE status IN ({_LIVE})",
    "CREATE INDEX orders_by_status ON orders (status, seq)",
    """CREATE TABLE previews (
        order_seq INTEGER PRIMARY KEY REFERENCES orders (seq),
        preview_id TEXT NOT NULL UNIQUE,
        digest TEXT NOT NULL,
        body TEXT NOT NULL,
        decision TEXT NOT NULL
    ) STRICT""",
    f"""CREATE TABLE approvals (
        seq INTEGER PRIMARY KEY,
        approval_id TEXT NOT NULL UNIQUE,
        order_seq INTEGER NOT NULL REFERENCES orders (seq),
        status TEXT NOT NULL CHECK (status IN ({_APPROVALS})),
        expires_us INTEGER NOT NULL,
        body TEXT NOT NULL
    ) STRICT""",
    "CREATE UNIQUE INDEX approvals_one_live ON approvals (order_seq) WHERE status = 'approved'",
    "CREATE INDEX approvals_of_order ON approvals (order_seq, seq)",
    """CREATE TABLE submissions (
        order_seq INTEGER PRIMARY KEY REFERENCES orders (seq),
        approval_id TEXT NOT NULL UNIQUE REFERENCES approvals (approval_id),
        idempotency_key TEXT NOT NULL UNIQUE,
        request_hash TEXT NOT NULL,
        account TEXT NOT NULL,
        currency TEXT NOT NULL,
        notional_u INTEGER NOT NULL,
        submitted_us INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX submissions_tally ON submissions (account, submitted_us, currency, notional_u, order_seq)",
    """CREATE TABLE executions (
        exec_id TEXT PRIMARY KEY,
        order_seq INTEGER NOT NULL REFERENCES orders (seq),
        quantity TEXT NOT NULL,
        price TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        replaced_by TEXT,
        commission TEXT,
        commission_currency TEXT
    ) STRICT""",
    "CREATE INDEX executions_of_order ON executions (order_seq, at_us)",
    """CREATE TABLE idempotency (
        principal TEXT NOT NULL,
        key TEXT NOT NULL,
        operation TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'completed', 'failed')),
        order_ref TEXT,
        result TEXT,
        PRIMARY KEY (principal, key)
    ) STRICT""",
    """CREATE TABLE kill_switch (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
        epoch INTEGER NOT NULL,
        changed_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        changed_us INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE lease (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        holder TEXT NOT NULL,
        pid INTEGER NOT NULL,
        token INTEGER NOT NULL,
        heartbeat_us INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE discrepancies (
        seq INTEGER PRIMARY KEY,
        at_us INTEGER NOT NULL,
        order_ref TEXT,
        text TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE facts (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    ) STRICT""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        entry TEXT NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        kind TEXT GENERATED ALWAYS AS (json_extract(entry, '$.kind')) VIRTUAL,
        order_ref TEXT GENERATED ALWAYS AS (json_extract(entry, '$.order_ref')) VIRTUAL
    ) STRICT""",
    "CREATE INDEX audit_of_order ON audit (order_ref, seq) WHERE order_ref IS NOT NULL",
    "CREATE INDEX audit_by_kind ON audit (kind, seq)",
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END",
)


def _refuse(name: str, when: str, words: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT raise(ABORT, '{words}'); END"


_SHOWN = "order_ref, revision, revises, staged_by, account, symbol, side, order_type, quantity, limit_price, stop_price"

SECOND: tuple[str, ...] = (
    # Commissions may come before the execution they belong to, and corrections before what they correct.
    """CREATE TABLE commissions (
        exec_id TEXT PRIMARY KEY,
        amount TEXT NOT NULL,
        currency TEXT NOT NULL
    ) STRICT""",
    "INSERT INTO commissions SELECT exec_id, commission, commission_currency FROM executions WHERE commission IS NOT NULL",
    "ALTER TABLE executions DROP COLUMN commission",
    "ALTER TABLE executions DROP COLUMN commission_currency",
    "ALTER TABLE executions ADD COLUMN corrects TEXT",
    "UPDATE executions SET corrects = (SELECT e.exec_id FROM executions e WHERE e.replaced_by = executions.exec_id)",
    "CREATE INDEX executions_corrected ON executions (corrects) WHERE corrects IS NOT NULL",
    # INSERT OR REPLACE would take an entry's place without any UPDATE or DELETE.
    _refuse(
        "audit_in_order",
        "INSERT ON audit WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)",
        "audit entries are appended in order",
    ),
    _refuse("orders_no_delete", "DELETE ON orders", "orders are kept for good"),
    _refuse(
        "orders_frozen", f"UPDATE OF seq, {_SHOWN}, staged_us, intent ON orders", "what was asked for never changes"
    ),
    _refuse("previews_no_delete", "DELETE ON previews", "previews are kept for good"),
    _refuse(
        "previews_frozen", "UPDATE OF order_seq, preview_id, digest, body ON previews", "what was shown never changes"
    ),
    _refuse("approvals_no_delete", "DELETE ON approvals", "approvals are kept for good"),
    _refuse(
        "approvals_frozen",
        "UPDATE OF seq, approval_id, order_seq, expires_us, body ON approvals",
        "an approval never changes",
    ),
    _refuse(
        "approvals_end_once",
        "UPDATE OF status ON approvals WHEN OLD.status <> 'approved'",
        "an approval that has ended never lives again",
    ),
    _refuse("submissions_no_delete", "DELETE ON submissions", "submissions are kept for good"),
    _refuse("submissions_no_update", "UPDATE ON submissions", "submissions are kept for good"),
    _refuse("executions_no_delete", "DELETE ON executions", "executions are kept for good"),
    _refuse(
        "idempotency_kept", "DELETE ON idempotency WHEN OLD.state <> 'pending'", "a key that did something is kept"
    ),
    _refuse(
        "idempotency_frozen",
        "UPDATE OF principal, key, operation, request_hash ON idempotency",
        "what a key means never changes",
    ),
)

THIRD: tuple[str, ...] = (
    """CREATE TABLE decisions (
        seq INTEGER PRIMARY KEY,
        order_seq INTEGER NOT NULL REFERENCES orders (seq),
        made_us INTEGER NOT NULL,
        step TEXT NOT NULL CHECK (step IN ('preview', 'approve', 'submit')),
        inputs TEXT NOT NULL,
        outcome TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX decisions_of_order ON decisions (order_seq, seq)",
    "CREATE INDEX decisions_made ON decisions (made_us)",
    _refuse("decisions_no_delete", "DELETE ON decisions", "decisions are kept for good"),
    _refuse("decisions_no_update", "UPDATE ON decisions", "decisions are kept for good"),
    # An order that went stale is previewed again: the newest preview is the one in force, the former ones are kept.
    """CREATE TABLE previews_of_orders (
        seq INTEGER PRIMARY KEY,
        order_seq INTEGER NOT NULL REFERENCES orders (seq),
        preview_id TEXT NOT NULL UNIQUE,
        digest TEXT NOT NULL,
        body TEXT NOT NULL,
        decision TEXT NOT NULL
    ) STRICT""",
    "INSERT INTO previews_of_orders SELECT order_seq, order_seq, preview_id, digest, body, decision FROM previews",
    "DROP TABLE previews",
    "ALTER TABLE previews_of_orders RENAME TO previews",
    "CREATE INDEX previews_of_order ON previews (order_seq, seq)",
    _refuse("previews_no_delete", "DELETE ON previews", "previews are kept for good"),
    _refuse(
        "previews_frozen",
        "UPDATE OF seq, order_seq, preview_id, digest, body ON previews",
        "what was shown never changes",
    ),
    # The look for duplicates must not grow with the file.
    "CREATE INDEX orders_of_contract ON orders (account, con_id, staged_us)",
)

GROUPS: tuple[str, ...] = (
    # The exits of a bracket are orders of their own; a modify is the order that results from it.
    "ALTER TABLE orders ADD COLUMN parent TEXT REFERENCES orders (order_ref)",
    "ALTER TABLE orders ADD COLUMN leg TEXT",
    "ALTER TABLE orders ADD COLUMN modifies TEXT REFERENCES orders (order_ref)",
    "ALTER TABLE orders ADD COLUMN wire_ref TEXT",
    "ALTER TABLE orders ADD COLUMN filled_before TEXT NOT NULL DEFAULT '0'",
    "ALTER TABLE orders ADD COLUMN took_over INTEGER NOT NULL DEFAULT 0 CHECK (took_over IN (0, 1))",
    "ALTER TABLE submissions ADD COLUMN legs INTEGER NOT NULL DEFAULT 1 CHECK (legs BETWEEN 1 AND 3)",
    "CREATE INDEX orders_on_wire ON orders (wire_ref) WHERE wire_ref IS NOT NULL",
    "CREATE INDEX orders_of_parent ON orders (parent) WHERE parent IS NOT NULL",
    # One change at a time: what a second one would start from is not known before the first has an answer.
    """CREATE UNIQUE INDEX orders_one_change ON orders (wire_ref)
        WHERE modifies IS NOT NULL AND took_over = 0 AND status IN ('sending', 'in_doubt', 'cancel_requested')""",
    "DROP TRIGGER orders_frozen",
    _refuse(
        "orders_frozen",
        f"UPDATE OF seq, {_SHOWN}, parent, leg, modifies, staged_us, intent ON orders",
        "what was asked for never changes",
    ),
    "DROP INDEX submissions_tally",
    "CREATE INDEX submissions_tally ON submissions (account, submitted_us, currency, notional_u, legs, order_seq)",
)

ONCE: tuple[str, ...] = (
    # The newest decision of an order is the newest row of `decisions`.
    "ALTER TABLE previews DROP COLUMN decision",
)

EDITS: tuple[str, ...] = (
    # A revision by the operator's hand: whose order it is, and who wrote it, are two things.
    "ALTER TABLE orders ADD COLUMN edited_by TEXT",
    "DROP TRIGGER orders_frozen",
    _refuse(
        "orders_frozen",
        f"UPDATE OF seq, {_SHOWN}, parent, leg, modifies, edited_by, staged_us, intent ON orders",
        "what was asked for never changes",
    ),
)

MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("first tables", FIRST),
    ("facts in any order, and guards", SECOND),
    ("decisions with their inputs", THIRD),
    ("brackets and modifies", GROUPS),
    ("a decision is kept once", ONCE),
    ("who wrote a revision", EDITS),
)
"""(name, statements) of each step; the file's user_version counts the steps taken."""
