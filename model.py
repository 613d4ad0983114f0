"""The tables and nothing else: columns, relations, constraints."""

from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from database import BINARY_COLLATION, Base, UtcDateTime

Id = String(36)
"""A UUID as text."""


class User(Base):
    """An account, or a pending sign-up: a row whose address nobody has proved yet.

    `email_key` is what addresses are compared by. `owned_email_key` is the same key once the address is proved, and
    unique: one account for each address, while any number of pending sign-ups may name it. A user name is reserved by
    either.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(
            "(owned_email_key IS NULL AND email_confirmed_at IS NULL)"
            " OR (owned_email_key = email_key AND email_confirmed_at IS NOT NULL)",
            name="owned_address_is_confirmed",
        ),
        BINARY_COLLATION,
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(32))
    username_key: Mapped[str] = mapped_column(String(32), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), index=True)
    owned_email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    email_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str | None] = mapped_column(String(128))
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    phone_number: Mapped[str | None] = mapped_column(String(16))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Session(Base):
    """A sign-in. Its live refresh token is the one named `refresh_jti`; `parent_jti` was spent for it."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_idle", "ended_at", "last_activity"), BINARY_COLLATION)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_activity: Mapped[datetime] = mapped_column(UtcDateTime)
    amr: Mapped[str] = mapped_column(String(64))
    refresh_jti: Mapped[str] = mapped_column(Id)
    parent_jti: Mapped[str | None] = mapped_column(Id)
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))


class Ticket(Base):
    """A single-use secret, kept as its SHA-256."""

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Letter(Base):
    """A mail on its way. `content` is encrypted, and blank once the letter is sent, void or given up.

    First an order (what to write about), then, in the delivery job, the written letter.
    """

    __tablename__ = "letters"
    __table_args__ = (Index("ix_letters_due", "state", "not_before"), BINARY_COLLATION)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    content: Mapped[str | None] = mapped_column(Text)
    recipient_digest: Mapped[str | None] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    written_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    lease_id: Mapped[str | None] = mapped_column(Id)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditFact(Base):
    """Something that happened to an account. It outlives the account, so it refers to it without a constraint."""

    __tablename__ = "audit_facts"
    __table_args__ = (Index("ix_audit_facts_user_time", "user_id", "time"), BINARY_COLLATION)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[str | None] = mapped_column(Id)
    session_id: Mapped[str | None] = mapped_column(Id)
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(400))
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
