"""`flask doctor`."""

import click
from flask.cli import with_appcontext

from errors import Refusal
from extensions import settings
from services import openid


@click.command()
@with_appcontext
def doctor() -> None:
    """Tell what is wrong before users do. So far: the settings, and the providers that people sign in with."""
    click.echo("ok     the settings")
    faults = [_examined(name) for name in settings().oidc]
    if not settings().oidc:
        register = f"register this redirect URI there: {openid.redirect_uri('google')}"
        click.echo(f"ok     no provider is set up; for Google {register}, then set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET")
    if any(faults):
        raise SystemExit(1)


def _examined(name: str) -> bool:
    """Whether something is wrong with a provider; prints what to register there."""
    try:
        openid.metadata(openid.provider(name))
    except Refusal as refused:
        why = f"its discovery document: {refused.title}"
        click.echo(f"FAULT  {name}: {why}. Is the discovery URL right, and reachable from here?")
        return True
    click.echo(f"ok     {name}: register this redirect URI there: {openid.redirect_uri(name)}")
    return False
