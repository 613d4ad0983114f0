"""The tables and nothing else: columns, relations, constraints."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from database import BINARY_COLLATION, Base, UtcDateTime

Id = String(36)
"""A UUID as text."""


class User(Base):
    """An account, or a pending sign-up: a row whose address nobody has proved yet.

    `email_key` is what addresses are compared by. `owned_email_key` is the same key once the address is proved, and
    unique: one account for each address, while any number of pending sign-ups may name it. A user name is reserved by
    either. `pending_email` is the address that the owner wants instead and has not proved.

    From `deleted_at` on it is closed and may be brought back, from `erased_at` on it is an empty shell, kept for the
    sessions whose tokens have not run out. `picture` is a file's name.

    `totp_secret` is encrypted; `totp_offered` is one that nobody has verified yet; `totp_last_step` the step of the code
    that was accepted last, so that each is accepted once.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint(
            "(owned_email_key IS NULL AND email_confirmed_at IS NULL)"
            " OR (owned_email_key = email_key AND email_confirmed_at IS NOT NULL)",
            name="owned_address_is_confirmed",
        ),
        Index("ix_users_unconfirmed", "email_confirmed_at", "created_at"),
        BINARY_COLLATION,
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(32))
    username_key: Mapped[str] = mapped_column(String(32), unique=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), index=True)
    owned_email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    email_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pending_email: Mapped[str | None] = mapped_column(String(254))
    password_hash: Mapped[str | None] = mapped_column(String(128))
    mfa_enabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_secret: Mapped[str | None] = mapped_column(Text)
    totp_offered: Mapped[str | None] = mapped_column(Text)
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    phone_number: Mapped[str | None] = mapped_column(String(16))
    picture: Mapped[str | None] = mapped_column(String(64))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Session(Base):
    """A sign-in. Its live refresh token is the one named `refresh_jti`; `parent_jti` was spent for it."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_idle", "ended_at", "last_activity"),
        Index("ix_sessions_ip", "ip_shortened", "created_at"),
        BINARY_COLLATION,
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    auth_time: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_activity: Mapped[datetime] = mapped_column(UtcDateTime)
    amr: Mapped[str] = mapped_column(String(64))
    refresh_jti: Mapped[str] = mapped_column(Id)
    parent_jti: Mapped[str | None] = mapped_column(Id)
    refreshed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ip: Mapped[str] = mapped_column(String(45))
    ip_shortened: Mapped[bool] = mapped_column(default=False)
    user_agent: Mapped[str] = mapped_column(String(400))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(32))


class HeldAddress(Base):
    """An address that an account had until lately: it counts as taken, so that the change can be undone."""

    __tablename__ = "held_addresses"

    email_key: Mapped[str] = mapped_column(String(254), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


class Identity(Base):
    """Who somebody is at an OpenID provider, and which account that opens."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("user_id", "provider"), BINARY_COLLATION)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column(String(31))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProviderVisit(Base):
    """Somebody who was sent to a provider and is expected back, once, in the same browser. `about` is encrypted."""

    __tablename__ = "provider_visits"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    provider: Mapped[str] = mapped_column(String(31))
    state_digest: Mapped[str] = mapped_column(String(64), unique=True)
    browser_digest: Mapped[str] = mapped_column(String(64))
    about: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KnownDevice(Base):
    """A kind of device that an account has signed in from, as a keyed hash of its readable name."""

    __tablename__ = "known_devices"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)


class RecoveryCode(Base):
    """A code that stands in for a second factor once, kept as a keyed hash."""

    __tablename__ = "recovery_codes"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Attempt(Base):
    """How often one subject (an account, a name, a session; kept as a keyed hash) was guessed at by one factor."""

    __tablename__ = "attempts"

    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    blocked_until: Mapped[datetime] = mapped_column(UtcDateTime)


class Ticket(Base):
    """A single-use secret, kept as a hash. `session_id`: good for this session only. `about`: what it is for, encrypted."""

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[str | None] = mapped_column(Id)
    about: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
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
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class JobRun(Base):
    """The last run of a piece of scheduled work, by any process. `fault`: the kind of its exception; empty: it succeeded."""

    __tablename__ = "job_runs"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    ran_at: Mapped[datetime] = mapped_column(UtcDateTime)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str] = mapped_column(String(64))


class AuditFact(Base):
    """Something that happened to an account. It outlives the account, so it refers to it without a constraint."""

    __tablename__ = "audit_facts"
    __table_args__ = (
        Index("ix_audit_facts_user_time", "user_id", "time"),
        Index("ix_audit_facts_ip", "ip_shortened", "time"),
        BINARY_COLLATION,
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[str | None] = mapped_column(Id)
    session_id: Mapped[str | None] = mapped_column(Id)
    ip: Mapped[str] = mapped_column(String(45))
    ip_shortened: Mapped[bool] = mapped_column(default=False)
    user_agent: Mapped[str] = mapped_column(String(400))
    details: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
