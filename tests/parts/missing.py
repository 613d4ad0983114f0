"""What a part says when the machine lacks its program."""


class Missing(Exception):
    """A part cannot run here; the message says in one plain sentence what to install.

    A type of its own, so that tests skip on an refuse_or_skip program and still fail on a broken one.
    """
