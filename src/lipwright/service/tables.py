"""The tables, in SQLAlchemy Core. All names start with `lw_`: DBOS keeps its own in the same database.

Times are UTC microseconds since the epoch, money is integer micro-dollars, JSON keeps the order of keys.
Money and usage outlive predictions (retention removes those), hence no foreign keys from the one to the
other.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

PREFIX = "lw_"
Id = sa.String(32)
"""32 lower-case hex digits."""
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

keys = sa.Table(
    "lw_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("token_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("webhook_secret", sa.String(100), nullable=False),
    sa.Column("unlimited", sa.Boolean, nullable=False),
    sa.Column("balance_micro", sa.BigInteger, nullable=False),
    sa.Column("rate_per_minute", sa.Integer),
    sa.Column("concurrent", sa.Integer),
    sa.Column("priority", sa.Integer),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("revoked_us", sa.BigInteger),
    sa.CheckConstraint("unlimited OR balance_micro >= 0", name="not_overdrawn"),
)
sa.Index(
    "ix_lw_keys_name_in_use",
    keys.c.name,
    unique=True,
    sqlite_where=keys.c.revoked_us.is_(None),
    postgresql_where=keys.c.revoked_us.is_(None),
)

predictions = sa.Table(
    "lw_predictions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("bundle", sa.String(500), nullable=False),
    sa.Column("kind", sa.String(50), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("webhook_url", sa.Text),
    sa.Column("base64", sa.Boolean, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("started_us", sa.BigInteger),
    sa.Column("finished_us", sa.BigInteger),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("outputs", sa.JSON, nullable=False),
    sa.Column("report_key", sa.Text),
    sa.Column("nsfw", sa.JSON, nullable=False),
    sa.Column("inference_ms", sa.BigInteger, nullable=False),
    sa.Column("output_s", sa.Float),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("stage", sa.String(50), nullable=False),
    sa.Column("reserved_micro", sa.BigInteger, nullable=False),
    sa.Column("cost_micro", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("cancel_requested_us", sa.BigInteger),
    sa.Column("deleted_us", sa.BigInteger),
    sa.Column("idempotency_key", sa.String(255)),
    sa.Column("body_sha256", sa.String(64)),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.CheckConstraint(
        "status IN ('created', 'processing', 'completed', 'failed', 'cancelled')", name="status"
    ),
    sa.UniqueConstraint("key_id", "idempotency_key"),
    sa.Index("ix_lw_predictions_key_id_created_us", "key_id", "created_us"),
    sa.Index("ix_lw_predictions_status_created_us", "status", "created_us"),
)

orders = sa.Table(
    "lw_orders",  # what a prediction costs: one row per accepted prediction, kept for billing
    metadata,
    sa.Column("prediction_id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),  # reserved, settled, released
    sa.Column("amount_micro", sa.BigInteger, nullable=False),  # what is held, charged, or 0
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("updated_us", sa.BigInteger, nullable=False),
    sa.CheckConstraint("state IN ('reserved', 'settled', 'released')", name="state"),
    sa.CheckConstraint("amount_micro >= 0", name="amount"),
    sa.Index("ix_lw_orders_key_id_created_us", "key_id", "created_us"),
)

ledger = sa.Table(
    "lw_ledger",  # every change of a balance; the sum over a key is its balance
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("prediction_id", Id),  # NULL for grants
    sa.Column("kind", sa.String(20), nullable=False),  # grant, reserve, adjust, settle, release
    sa.Column("amount_micro", sa.BigInteger, nullable=False),  # positive adds to the balance
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("prediction_id", "kind"),
    sa.Index("ix_lw_ledger_key_id_created_us", "key_id", "created_us"),
)

usage = sa.Table(
    "lw_usage",  # one row per completed prediction
    metadata,
    sa.Column("prediction_id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("output_s", sa.Float, nullable=False),
    sa.Column("cost_micro", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Index("ix_lw_usage_key_id_created_us", "key_id", "created_us"),
)

webhooks = sa.Table(
    "lw_webhooks",  # the outbox: one row per finished prediction that asked for a callback
    metadata,
    sa.Column("prediction_id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),  # pending, delivered, failed
    sa.Column(
        "body", sa.LargeBinary
    ),  # fixed at the first attempt, so that every attempt sends the same bytes
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger),  # when the first attempt was made
    sa.Column("next_us", sa.BigInteger),  # when the next one is due; NULL when none is
    sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
    sa.Index("ix_lw_webhooks_state_next_us", "state", "next_us"),
)

deliveries = sa.Table(
    "lw_deliveries",  # the log of webhook attempts
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("prediction_id", Id, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("replay", sa.Boolean, nullable=False),  # asked for by hand
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("http_status", sa.Integer),  # NULL when no answer came
    sa.Column("error", sa.Text, nullable=False),
)

files = sa.Table(
    "lw_files",  # uploads: tickets, and what was stored for them
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("storage_key", sa.String(500), nullable=False, unique=True),
    sa.Column("filename", sa.String(255), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),  # image, video, audio
    sa.Column("content_type", sa.String(100), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("ticket_expires_us", sa.BigInteger, nullable=False),
    sa.Column("stored_us", sa.BigInteger),  # NULL until the bytes are there
    sa.Column("expires_us", sa.BigInteger, nullable=False),
    sa.Index("ix_lw_files_key_id_expires_us", "key_id", "expires_us"),
    sa.Index("ix_lw_files_expires_us", "expires_us"),
)

bundles = sa.Table(
    "lw_bundles",  # personal bundles: made by an adapt job, which gave it its id
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("base", sa.String(500), nullable=False),  # the bundle whose networks it uses
    sa.Column("size", sa.BigInteger, nullable=False),  # bytes in the store
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Index("ix_lw_bundles_key_id_created_us", "key_id", "created_us"),
)

rates = sa.Table(
    "lw_rates",  # requests of a key in a minute
    metadata,
    sa.Column("key_id", Id, sa.ForeignKey(keys.c.id), primary_key=True),
    sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),  # minutes since the epoch
    sa.Column("count", sa.Integer, nullable=False),
)

secrets = sa.Table(
    "lw_secrets",  # secrets of the server itself, made at first use
    metadata,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("value", sa.String(100), nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
)
