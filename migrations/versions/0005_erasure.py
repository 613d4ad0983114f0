"""Pictures, deletion and erasure of accounts, shortened addresses."""

import sqlalchemy as sa
from alembic import op
from database import UtcDateTime

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('users', sa.Column('picture', sa.String(length=64), nullable=True))
    op.add_column('users', sa.Column('deleted_at', UtcDateTime(), nullable=True))
    op.add_column('users', sa.Column('erased_at', UtcDateTime(), nullable=True))
    op.create_index(op.f('ix_users_deleted_at'), 'users', ['deleted_at'])
    op.create_index(op.f('ix_users_erased_at'), 'users', ['erased_at'])
    for table, moment in (('sessions', 'created_at'), ('audit_facts', 'time')):
        op.add_column(table, sa.Column('ip_shortened', sa.Boolean(), nullable=False, server_default=sa.false()))
        op.create_index(f'ix_{table}_ip', table, ['ip_shortened', moment])


def downgrade() -> None:
    for table in ('sessions', 'audit_facts'):
        op.drop_index(f'ix_{table}_ip', table_name=table)
        op.drop_column(table, 'ip_shortened')
    for column in ('deleted_at', 'erased_at'):
        op.drop_index(f'ix_users_{column}', table_name='users')
    for column in ('picture', 'deleted_at', 'erased_at'):
        op.drop_column('users', column)
