"""Second factors, recovery codes, attempts, known devices, changes of address."""

import sqlalchemy as sa
from alembic import op
from database import UtcDateTime

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

MARIADB = {'mysql_charset': 'utf8mb4', 'mysql_collate': 'utf8mb4_bin'}
# Columns are added and dropped one by one: a batch would make the table anew on SQLite, and dropping `users` takes
# every session with it.
COLUMNS = {
    'users': ('pending_email', 'mfa_enabled_at', 'totp_secret', 'totp_offered', 'totp_last_step'),
    'tickets': ('session_id', 'about'),
}


def upgrade() -> None:
    op.add_column('users', sa.Column('pending_email', sa.String(length=254), nullable=True))
    op.add_column('users', sa.Column('mfa_enabled_at', UtcDateTime(), nullable=True))
    op.add_column('users', sa.Column('totp_secret', sa.Text(), nullable=True))
    op.add_column('users', sa.Column('totp_offered', sa.Text(), nullable=True))
    op.add_column('users', sa.Column('totp_last_step', sa.BigInteger(), nullable=True))
    op.add_column('tickets', sa.Column('session_id', sa.String(length=36), nullable=True))
    op.add_column('tickets', sa.Column('about', sa.Text(), nullable=True))

    op.create_table('held_addresses',
    sa.Column('email_key', sa.String(length=254), nullable=False),
    sa.Column('user_id', sa.String(length=36), nullable=False),
    sa.Column('since', UtcDateTime(), nullable=False),
    sa.Column('until', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_held_addresses_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('email_key', name=op.f('pk_held_addresses')),
    **MARIADB
    )
    op.create_index(op.f('ix_held_addresses_user_id'), 'held_addresses', ['user_id'])

    op.create_table('known_devices',
    sa.Column('user_id', sa.String(length=36), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('first_seen', UtcDateTime(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_known_devices_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'digest', name=op.f('pk_known_devices')),
    **MARIADB
    )

    op.create_table('recovery_codes',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('user_id', sa.String(length=36), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', UtcDateTime(), nullable=False),
    sa.Column('used_at', UtcDateTime(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_recovery_codes_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recovery_codes')),
    **MARIADB
    )
    op.create_index(op.f('ix_recovery_codes_user_id'), 'recovery_codes', ['user_id'])

    op.create_table('attempts',
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('failures', sa.Integer(), nullable=False),
    sa.Column('last_at', UtcDateTime(), nullable=False),
    sa.Column('blocked_until', UtcDateTime(), nullable=False),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_attempts')),
    **MARIADB
    )
    op.create_index(op.f('ix_attempts_last_at'), 'attempts', ['last_at'])


def downgrade() -> None:
    for table in ('attempts', 'recovery_codes', 'known_devices', 'held_addresses'):
        op.drop_table(table)
    for table, columns in COLUMNS.items():
        for column in columns:
            op.drop_column(table, column)
