"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "lw_deliveries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("prediction_id", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("replay", sa.Boolean(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_deliveries")),
    )
    op.create_index(op.f("ix_lw_deliveries_prediction_id"), "lw_deliveries", ["prediction_id"], unique=False)
    op.create_table(
        "lw_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("webhook_secret", sa.String(length=100), nullable=False),
        sa.Column("unlimited", sa.Boolean(), nullable=False),
        sa.Column("balance_micro", sa.BigInteger(), nullable=False),
        sa.Column("rate_per_minute", sa.Integer(), nullable=True),
        sa.Column("concurrent", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("unlimited OR balance_micro >= 0", name=op.f("ck_lw_keys_not_overdrawn")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_keys")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_lw_keys_token_sha256")),
    )
    op.create_index(
        "ix_lw_keys_name_in_use",
        "lw_keys",
        ["name"],
        unique=True,
        sqlite_where=sa.text("revoked_us IS NULL"),
        postgresql_where=sa.text("revoked_us IS NULL"),
    )
    op.create_table(
        "lw_secrets",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("value", sa.String(length=100), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lw_secrets")),
    )
    op.create_table(
        "lw_bundles",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("base", sa.String(length=500), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_bundles_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_bundles")),
    )
    op.create_index("ix_lw_bundles_key_id_created_us", "lw_bundles", ["key_id", "created_us"], unique=False)
    op.create_table(
        "lw_files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("storage_key", sa.String(length=500), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ticket_expires_us", sa.BigInteger(), nullable=False),
        sa.Column("stored_us", sa.BigInteger(), nullable=True),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_files_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_files")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_lw_files_storage_key")),
    )
    op.create_index("ix_lw_files_expires_us", "lw_files", ["expires_us"], unique=False)
    op.create_index("ix_lw_files_key_id_expires_us", "lw_files", ["key_id", "expires_us"], unique=False)
    op.create_table(
        "lw_ledger",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("prediction_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_ledger_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_ledger")),
        sa.UniqueConstraint("prediction_id", "kind", name=op.f("uq_lw_ledger_prediction_id_kind")),
    )
    op.create_index("ix_lw_ledger_key_id_created_us", "lw_ledger", ["key_id", "created_us"], unique=False)
    op.create_table(
        "lw_orders",
        sa.Column("prediction_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("amount_micro", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('reserved', 'settled', 'released')", name=op.f("ck_lw_orders_state")),
        sa.CheckConstraint("amount_micro >= 0", name=op.f("ck_lw_orders_amount")),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_orders_key_id")),
        sa.PrimaryKeyConstraint("prediction_id", name=op.f("pk_lw_orders")),
    )
    op.create_index("ix_lw_orders_key_id_created_us", "lw_orders", ["key_id", "created_us"], unique=False)
    op.create_table(
        "lw_predictions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("bundle", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("input", sa.JSON(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("base64", sa.Boolean(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=True),
        sa.Column("finished_us", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("report_key", sa.Text(), nullable=True),
        sa.Column("nsfw", sa.JSON(), nullable=False),
        sa.Column("inference_ms", sa.BigInteger(), nullable=False),
        sa.Column("output_s", sa.Float(), nullable=True),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("stage", sa.String(length=50), nullable=False),
        sa.Column("reserved_micro", sa.BigInteger(), nullable=False),
        sa.Column("cost_micro", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("crashes", sa.Integer(), nullable=False),
        sa.Column("cancel_requested_us", sa.BigInteger(), nullable=True),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('created', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_lw_predictions_status"),
        ),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_predictions_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lw_predictions")),
        sa.UniqueConstraint(
            "key_id", "idempotency_key", name=op.f("uq_lw_predictions_key_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_lw_predictions_key_id_created_us", "lw_predictions", ["key_id", "created_us"], unique=False
    )
    op.create_index(
        "ix_lw_predictions_status_created_us", "lw_predictions", ["status", "created_us"], unique=False
    )
    op.create_table(
        "lw_rates",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_rates_key_id")),
        sa.PrimaryKeyConstraint("key_id", "minute", name=op.f("pk_lw_rates")),
    )
    op.create_table(
        "lw_usage",
        sa.Column("prediction_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("output_s", sa.Float(), nullable=False),
        sa.Column("cost_micro", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_usage_key_id")),
        sa.PrimaryKeyConstraint("prediction_id", name=op.f("pk_lw_usage")),
    )
    op.create_index("ix_lw_usage_key_id_created_us", "lw_usage", ["key_id", "created_us"], unique=False)
    op.create_table(
        "lw_webhooks",
        sa.Column("prediction_id", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.Column("next_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("ck_lw_webhooks_state")),
        sa.ForeignKeyConstraint(["key_id"], ["lw_keys.id"], name=op.f("fk_lw_webhooks_key_id")),
        sa.PrimaryKeyConstraint("prediction_id", name=op.f("pk_lw_webhooks")),
    )
    op.create_index("ix_lw_webhooks_state_next_us", "lw_webhooks", ["state", "next_us"], unique=False)


def downgrade() -> None:
    """Back to the one before."""
    op.drop_index("ix_lw_webhooks_state_next_us", table_name="lw_webhooks")
    op.drop_table("lw_webhooks")
    op.drop_index("ix_lw_usage_key_id_created_us", table_name="lw_usage")
    op.drop_table("lw_usage")
    op.drop_table("lw_rates")
    op.drop_index("ix_lw_predictions_status_created_us", table_name="lw_predictions")
    op.drop_index("ix_lw_predictions_key_id_created_us", table_name="lw_predictions")
    op.drop_table("lw_predictions")
    op.drop_index("ix_lw_orders_key_id_created_us", table_name="lw_orders")
    op.drop_table("lw_orders")
    op.drop_index("ix_lw_ledger_key_id_created_us", table_name="lw_ledger")
    op.drop_table("lw_ledger")
    op.drop_index("ix_lw_files_key_id_expires_us", table_name="lw_files")
    op.drop_index("ix_lw_files_expires_us", table_name="lw_files")
    op.drop_table("lw_files")
    op.drop_index("ix_lw_bundles_key_id_created_us", table_name="lw_bundles")
    op.drop_table("lw_bundles")
    op.drop_table("lw_secrets")
    op.drop_index(
        "ix_lw_keys_name_in_use",
        table_name="lw_keys",
        sqlite_where=sa.text("revoked_us IS NULL"),
        postgresql_where=sa.text("revoked_us IS NULL"),
    )
    op.drop_table("lw_keys")
    op.drop_index(op.f("ix_lw_deliveries_prediction_id"), table_name="lw_deliveries")
    op.drop_table("lw_deliveries")
