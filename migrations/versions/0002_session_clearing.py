"""Indexes for what the hourly clearing out looks for, so that it never reads a whole table."""

from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

INDEXES = {
    'ix_letters_finished_at': ('letters', ['finished_at']),
    'ix_sessions_refreshed_at': ('sessions', ['refreshed_at']),
    'ix_tickets_expires_at': ('tickets', ['expires_at']),
    'ix_users_unconfirmed': ('users', ['email_confirmed_at', 'created_at']),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
