"""When each piece of scheduled work ran last."""

import sqlalchemy as sa
from alembic import op
from database import UtcDateTime

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('job_runs',
    sa.Column('name', sa.String(length=32), nullable=False),
    sa.Column('ran_at', UtcDateTime(), nullable=False),
    sa.Column('succeeded_at', UtcDateTime(), nullable=True),
    sa.Column('fault', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_job_runs')),
    mysql_charset='utf8mb4',
    mysql_collate='utf8mb4_bin'
    )


def downgrade() -> None:
    op.drop_table('job_runs')
