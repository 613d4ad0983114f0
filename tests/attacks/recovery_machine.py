"""Owner and hijacker act in any order; the owner uses a recovery link at some moment, and must be alone in the end.

The promise: whoever uses a recovery link ("undo" or "not me") that was mailed, within its seven days, to an address that was
theirs before the hijack, ends, once the reset link that is mailed there is used, as the only one who can sign in. Nothing
that the other did before or after changes that.

The hijacker begins with the owner's password and a session, and reads no mailbox of the owner.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product, repeat
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services import clock, erasure, retention
from tests.attacks.beginnings import ADA, ADAS_OTHER, FORMER, MALLORYS, Beginning, Stage
from tests.attacks.hijack import CONFIRM, RECOVERY, RESET, UNDO, WEEK, Link, Person

ADDRESSES = (ADA, *MALLORYS, FORMER, ADAS_OTHER)
MOST_ACTS = 8
HOURS = (0.1, 1, 6, 25, 49, 73, 120)
MARGIN = timedelta(seconds=1)
"""Of a link's life, left to an owner who is late."""
OPENINGS = (
    *("signs_in", "links_provider", "turns_factor_on", "moves", "moves_and_closes", "links_and_moves"),
    *("moves_twice", "asks_and_closes", "moves_slowly_and_closes", "closes_slowly"),
)
LAST_ACTS = ("signs_in", "leaves_exchange", "leaves_sign_in", "asks_slowly", "deletes")
BETWEEN = ("signs_in", "links_provider", "turns_factor_on", "moves", "goes_on", "resets_too")
"""What the hijacker does at once, just before the owner's link is used, and before the owner has a password again."""
ENDINGS = (*product(LAST_ACTS, BETWEEN), *repeat(("asks_slowly", "resets_too"), 6))
"""What fits together is tried more often."""
INDEX = st.integers(0, 11)


def act(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., object]], Any]:
    """A rule: one act of either of the two, the hijacker twice as often, and what follows."""
    return _rule(("hijacker", "hijacker", "owner"), drawn)


def hijackers_act(**drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., object]], Any]:
    return _rule(("hijacker",), drawn)


def _rule(names: tuple[str, ...], drawn: dict[str, st.SearchStrategy[Any]]) -> Callable[[Callable[..., object]], Any]:
    def made(done: Callable[..., object]) -> Any:
        def step(self: "RecoveryMachine", by: str, **given: Any) -> None:
            if who := self.turn(by):
                done(self, who, **given)
                self.goes_by()

        step.__name__ = done.__name__
        made_of: Any = {"by": st.sampled_from(names)} | drawn
        a_rule: Any = rule(**made_of)
        return precondition(lambda self: any(self.left(name) for name in names))(a_rule(step))

    return made


def one_of(*names: str) -> st.SearchStrategy[str]:
    return st.sampled_from(names)


class RecoveryMachine(RuleBasedStateMachine):
    """One run. Most rules are acts that either of the two may do, each with what they hold."""

    stage: Stage
    beginning: str
    chosen: Beginning | None = None

    @initialize(
        opening=st.sampled_from(OPENINGS),
        owners=st.integers(0, MOST_ACTS),
        ending=st.tuples(INDEX, st.booleans(), st.sampled_from(ENDINGS)),
    )
    def begins(self, opening: str, owners: int, ending: tuple[int, bool, tuple[str, str]]) -> None:
        """`ending`: how the owner recovers at last, where no rule had it done before."""
        self.recovered_by: Link | None = None
        self.closed: tuple[datetime, str] | None = None
        self.went_back = False
        self.is_reset = False
        self.acts = {"owner": owners, "hijacker": MOST_ACTS}
        self.chosen, self.owner, self.hijacker = self.stage.begin(self.beginning)
        self.world, self.start, self.ending = self.stage.world, clock.now(), ending
        self.hijacker_does(opening)

    def hijacker_does(self, what: str) -> None:
        """One or two acts in a row, as far as there are acts left."""
        if who := self.turn("hijacker"):
            self._does(who, what)
            self.goes_by()

    def _does(self, who: Person, what: str) -> None:
        own = getattr(self, f"_{what}", None)
        list((own(who) if own else getattr(who, what)()) or ())

    def _links_and_moves(self, who: Person) -> None:
        who.links_provider()
        self._moves(who)

    def _moves_and_closes(self, who: Person) -> None:
        self._moves(who)
        self.hijacker_does("deletes")

    def _moves_twice(self, who: Person) -> None:
        self._moves(who)
        self._moves(who, 1)

    def _asks_and_closes(self, who: Person) -> None:
        who.asks_for_address(who.mailboxes[0])
        self.goes_by()
        self.hijacker_does("deletes")

    def _moves_slowly_and_closes(self, who: Person) -> None:
        """The owner is told so late that the links outlive the time until the account is erased."""
        who.asks_for_address(who.mailboxes[0])
        self.goes_by()
        self._mail_is_slow()
        self._uses(who, 0, CONFIRM)
        self.hijacker_does("deletes")

    def _closes_slowly(self, who: Person) -> None:
        self._asks_slowly(who)
        self.hijacker_does("deletes")

    def _asks_slowly(self, who: Person) -> None:
        self._mail_is_slow()
        account = self.world.account()
        who.forgets(account.email if account else ADA)
        who.changes_password()

    def _resets_too(self, who: Person) -> None:
        self._uses(who, 0, RESET)
        who.turns_factor_on()

    def _mail_is_slow(self) -> None:
        self.world.slow_since = self.world.slow_since or clock.now()

    # Whose turn it is, and what follows

    def left(self, name: str) -> int:
        """How often this one may still act. Once the recovery link is used, the owner does nothing but set a password."""
        return 0 if name == "owner" and self.recovered_by else self.acts[name]

    def turn(self, name: str) -> Person | None:
        if not self.left(name):
            return None
        self.acts[name] -= 1
        self.stage.counted["acts"] += 1
        return self.owner if name == "owner" else self.hijacker

    def goes_by(self) -> None:
        self.world.wait(1)
        if self.world.slow_since is None:
            self.world.deliver()
        self._stays_where_it_is()

    def _stays_where_it_is(self) -> None:
        """A closed account wants no other address, and is not moved."""
        account = self.world.account()
        self.went_back |= bool(account and account.email == FORMER)
        place = (account.deleted_at, account.email) if account and account.deleted_at else None
        assert not (place and account.pending_email), "a closed account wants another address"
        assert not place or self.closed in (None, place), f"a closed account was moved: {self.closed}, {place}"
        self.closed = place
        if account and account.deleted_at and self.world.slow_since is None and clock.now() < self.start + WEEK:
            self._owner_is_told(account.deleted_at)

    def _owner_is_told(self, closed_at: datetime) -> None:
        """How to undo the deletion; unless five such mails went there within the hour."""
        undo = self.world.links_to(ADA, kinds=(UNDO,))
        lately = [link for link in undo if link.mailed > clock.now() - timedelta(hours=1)]
        assert len(lately) >= 5 or any(link.mailed >= closed_at for link in undo), "the owner is not told of the deletion"

    # Acts

    @act(to=INDEX)
    def asks_for_address(self, who: Person, to: int) -> None:
        who.asks_for_address(ADDRESSES[to % len(ADDRESSES)])

    @act(to=INDEX)
    def changes_address(self, who: Person, to: int) -> None:
        """The whole way, where mail is not slow."""
        self._moves(who, to)

    def _moves(self, who: Person, to: int = 0) -> None:
        who.asks_for_address(who.mailboxes[to % len(who.mailboxes)])
        self.goes_by()
        self._uses(who, 0, CONFIRM)

    @hijackers_act(to=INDEX)
    def moves_away(self, who: Person, to: int) -> None:
        self._moves(who, to)

    @act()
    def confirms(self, who: Person) -> None:
        for link in self.world.links_to(*who.mailboxes, kinds=(CONFIRM,)):
            if link.path not in who.used:
                who.uses(link)

    @act(which=INDEX)
    def uses_a_link(self, who: Person, which: int) -> None:
        """Of any of the own mailboxes; the owner's recovery is a rule of its own."""
        self._uses(who, which, *(RECOVERY if who is self.hijacker else ()), RESET)

    def _uses(self, who: Person, which: int, *kinds: str) -> None:
        unused = [link for link in self.world.links_to(*who.mailboxes, kinds=kinds) if link.path not in who.used]
        if unused:
            who.uses(unused[-1 - which % len(unused)])

    @act()
    def links_provider(self, who: Person) -> None:
        who.links_provider()

    @act()
    def turns_factor_on(self, who: Person) -> None:
        who.turns_factor_on()

    @act(how=one_of("turns_factor_off", "renews_codes"))
    def changes_factor(self, who: Person, how: str) -> None:
        getattr(who, how)()

    @act()
    def changes_password(self, who: Person) -> None:
        who.changes_password()

    @act()
    def deletes(self, who: Person) -> None:
        who.deletes()

    @act(how=one_of("signs_in", "refreshes_one", "renames", "unlinks_provider", "ends_other_sessions"))
    def does_little(self, who: Person, how: str) -> None:
        getattr(who, how)()

    @act(how=one_of("signs_up", "forgets", "asks_for_code"), of=INDEX)
    def asks_for_mail(self, who: Person, how: str, of: int) -> None:
        getattr(who, how)(ADDRESSES[of % len(ADDRESSES)])

    @act()
    def resets(self, who: Person) -> None:
        """By the account's address of the moment, where that is one of theirs."""
        account = self.world.account()
        if account and account.email in who.mailboxes:
            who.forgets(account.email)
            self.goes_by()
            self._uses(who, 0, RESET)

    @hijackers_act(how=one_of("leaves_sign_in", "leaves_exchange", "leaves_visit", "leaves_link"))
    def leaves_half(self, who: Person, how: str) -> None:
        getattr(who, how)()

    @hijackers_act()
    def goes_on(self, who: Person) -> None:
        list(who.goes_on())

    @hijackers_act()
    def tries_everything(self, who: Person) -> None:
        who.tries_everything()

    # Time and mail

    @precondition(lambda self: self.left("hijacker"))
    @rule(hours=st.sampled_from(HOURS))
    def time_goes_on(self, hours: float) -> None:
        """Never past the last link, nor so far that a link tells of something a week after the hijack."""
        then = clock.now() + timedelta(hours=hours)
        if any(then < link.until - MARGIN for link in self.usable()) or then < self.start + WEEK - MARGIN:
            self._hours_pass(hours)

    def _hours_pass(self, hours: float) -> None:
        """And the jobs of the service run."""
        self.world.wait(hours * 3600)
        with self.world.door.app.app_context():
            erasure.erase_due()
            retention.clear_out()
        self.goes_by()

    @precondition(lambda self: self.world.slow_since is None)
    @rule()
    def mail_becomes_slow(self) -> None:
        self._mail_is_slow()

    @precondition(lambda self: self.world.slow_since is not None)
    @rule()
    def mail_comes(self) -> None:
        self.world.deliver()

    # Recovery

    def usable(self) -> list[Link]:
        """Recovery links that the promise is about, unused and within their life."""
        assert self.chosen is not None
        theirs = self.world.links_to(*self.chosen.theirs, kinds=RECOVERY)
        # By going back to the former address the owner gives up the one after it: the older one has the better claim.
        told = [link for link in theirs if link.address == FORMER or not self.went_back]
        lasting = [link for link in told if clock.now() <= link.until - MARGIN and link.mailed < self.start + WEEK]
        return [link for link in lasting if link.path not in self.owner.used]

    @precondition(lambda self: self.recovered_by is None and self.left("hijacker") < MOST_ACTS - 1 and self.usable())
    @rule(choice=INDEX, late=st.booleans(), last_act=st.sampled_from(LAST_ACTS))
    def recovers(self, choice: int, late: bool, last_act: str) -> None:
        """Half of the time by an undo link, where there is one: most are of security notices.

        Where a second factor is wanted, the hijacker has half a sign-in by then, whatever else they do.
        """
        self.hijacker.leaves_sign_in()
        self.hijacker_does(last_act)
        links = self.usable()
        for link in links:
            answer = self.owner.ask("GET", link.path)
            assert answer.status_code == 200, f"the owner's link is not good any more: {link}, {answer.get_json()}"
        undo = [link for link in links if link.kind == UNDO]
        chosen = undo if undo and choice % 2 else links
        link = chosen[-1 - choice // 2 % len(chosen)]
        if late:
            self._hours_pass((link.until - 2 * MARGIN - clock.now()).total_seconds() / 3600)
        self._recovers_by(link)

    def _recovers_by(self, link: Link) -> None:
        answer = self.owner.uses(link)
        assert answer.status_code == 200, f"the owner's link is refused: {link}, {answer.get_json()}"
        self.recovered_by, self.since = link, clock.now()
        self.stage.counted["recoveries"] += 1
        self._sessions_have_ended()
        self.goes_by()

    def _sessions_have_ended(self) -> None:
        """Of the hijacker, whose latest tokens are tried. The reset would end them too, and hide that they went on so long."""
        tokens = [*self.hijacker.access[-3:], *self.hijacker.refreshes(self.hijacker.refresh[-1:])]
        assert not any(map(self.hijacker.is_inside, tokens)), f"a session goes on after the recovery by {self.recovered_by}"

    @precondition(lambda self: self.recovered_by is not None and not self.is_reset)
    @rule(between=st.sampled_from(BETWEEN))
    def sets_a_password(self, between: str) -> None:
        """By the link that was mailed for it; where so many were mailed lately that it was not, by one an hour later."""
        assert self.recovered_by is not None
        self.world.deliver()
        self.hijacker_does(between)
        mailed = [link for link in self._resets() if link.mailed >= self.since]
        if not (mailed and self.owner.uses(mailed[-1]).status_code == 200):
            self.stage.counted["later resets"] += 1
            self.world.wait(3600)
            self.owner.forgets(self.recovered_by.address)
            self.world.deliver()
            assert self._resets(), f"no link to set a password comes after the recovery by {self.recovered_by}"
            answer = self.owner.uses(self._resets()[-1])
            assert answer.status_code == 200, f"no password can be set: {answer.get_json()}"
        self.is_reset = True
        self.goes_by()

    def _resets(self) -> list[Link]:
        assert self.recovered_by is not None
        return self.world.links_to(self.recovered_by.address, kinds=(RESET,))

    def teardown(self) -> None:
        if self.chosen is None:
            return
        self.stage.counted["runs"] += 1
        if self.recovered_by is None:
            self.world.deliver()
            if not self.usable():
                self.stage.counted["without a link"] += 1
                return
            self.recovers(*self.ending[:2], self.ending[2][0])
        if not self.is_reset:
            self.sets_a_password(self.ending[2][1])
        self.hijacker_is_outside()
        self.owner_is_inside()

    def hijacker_is_outside(self) -> None:
        tokens = self.hijacker.tries_everything()
        self.goes_by()
        inside = [token for token in tokens if self.hijacker.is_inside(token)]
        assert not inside, f"the hijacker is in the account after its recovery by {self.recovered_by}"

    def owner_is_inside(self) -> None:
        assert self.recovered_by is not None
        account = self.world.account()
        assert account is not None, "the account is erased"
        assert account.deleted_at is None, "the account is closed"
        place = (account.email, account.pending_email)
        assert place == (self.recovered_by.address, None), f"after the recovery by {self.recovered_by} it is at {place}"
        body = {"username": account.email, "password": self.owner.passwords[-1]}
        answer = self.owner.guess("POST", "/login", body)
        token = next(self.owner.finish(answer), None)
        assert token is not None, f"the owner does not come in: {answer.get_json()}"
        assert self.owner.is_inside(token)
