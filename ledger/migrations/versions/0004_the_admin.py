"""The admin: accounts, sessions, tokens, and tries to sign in.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_ROLES = "role IN ('admin', 'operator', 'viewer')"


def upgrade() -> None:
    op.create_table(
        "admin_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False, comment="argon2id"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenants", postgresql.ARRAY(sa.Text()), nullable=True, comment="all when null"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(_ROLES, name=op.f("admin_accounts_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("admin_accounts_pkey")),
        sa.UniqueConstraint("name", name=op.f("admin_accounts_name_key")),
        schema="lockgate",
    )
    op.create_table(
        "admin_sessions",
        sa.Column("id", sa.LargeBinary(), nullable=False, comment="SHA-256 of the cookie"),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("admin_sessions_pkey")),
        schema="lockgate",
    )
    op.create_index(
        op.f("admin_sessions_account_id"), "admin_sessions", ["account_id"], unique=False, schema="lockgate"
    )
    op.create_table(
        "admin_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the token"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenants", postgresql.ARRAY(sa.Text()), nullable=True, comment="all when null"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(_ROLES, name=op.f("admin_tokens_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("admin_tokens_pkey")),
        sa.UniqueConstraint("digest", name=op.f("admin_tokens_digest_key")),
        sa.UniqueConstraint("name", name=op.f("admin_tokens_name_key")),
        schema="lockgate",
    )
    op.create_table(
        "admin_sign_ins",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("who", sa.LargeBinary(), nullable=False, comment="of the name and the address"),
        sa.Column("whence", sa.LargeBinary(), nullable=False, comment="of the address"),
        sa.PrimaryKeyConstraint("id", name=op.f("admin_sign_ins_pkey")),
        schema="lockgate",
    )
    op.create_index("admin_sign_ins_at", "admin_sign_ins", ["at"], unique=False, schema="lockgate")
    op.create_index("admin_sign_ins_who", "admin_sign_ins", ["who", "at"], unique=False, schema="lockgate")
    op.create_index("admin_sign_ins_whence", "admin_sign_ins", ["whence", "at"], unique=False, schema="lockgate")


def downgrade() -> None:
    for table in ("admin_sign_ins", "admin_tokens", "admin_sessions", "admin_accounts"):
        op.drop_table(table, schema="lockgate")
