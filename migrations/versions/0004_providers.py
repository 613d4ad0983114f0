"""Identities at OpenID providers, and visits there."""

import sqlalchemy as sa
from alembic import op
from database import UtcDateTime

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

MARIADB = {'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_bin'}


def upgrade() -> None:
    op.create_table('identities',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('user_id', sa.String(length=36), nullable=False),
    sa.Column('provider', sa.String(length=31), nullable=False),
    sa.Column('issuer', sa.String(length=255), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('linked_at', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_identities_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_identities')),
    sa.UniqueConstraint('issuer', 'subject', name=op.f('uq_identities_issuer')),
    sa.UniqueConstraint('user_id', 'provider', name=op.f('uq_identities_user_id')),
    **MARIADB
    )
    op.create_table('provider_visits',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('provider', sa.String(length=31), nullable=False),
    sa.Column('state_digest', sa.String(length=64), nullable=False),
    sa.Column('browser_digest', sa.String(length=64), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('expires_at', UtcDateTime(), nullable=False),
    sa.Column('spent_at', UtcDateTime(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_provider_visits')),
    sa.UniqueConstraint('state_digest', name=op.f('uq_provider_visits_state_digest')),
    **MARIADB
    )
    op.create_index(op.f('ix_provider_visits_expires_at'), 'provider_visits', ['expires_at'])


def downgrade() -> None:
    for table in ('provider_visits', 'identities'):
        op.drop_table(table)
