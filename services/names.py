"""Addresses, names and phone numbers: what is well-formed, and what counts as the same."""

import re
import unicodedata
from ipaddress import ip_address, ip_network

import phonenumbers
from email_validator import EmailNotValidError, validate_email

SHORTEST_USERNAME, LONGEST_USERNAME = 3, 32
LONGEST_PERSON_NAME = 100
BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's property Bidi_Control: with them a name reorders the text around it."""
CONTROLS = ("Cc", "Cs", "Zl", "Zp")
INVISIBLE = ("Cf", "Mn", "Me", "Zs")
BLANKS = set("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category that show nothing."""
USERNAME = re.compile(rf"(?!-)(?=[._-]*[A-Za-z0-9])[A-Za-z0-9._-]{{{SHORTEST_USERNAME},{LONGEST_USERNAME}}}")
"""A command takes a name that begins with a hyphen for an option, and a name of signs alone reads like punctuation."""
LONGEST_ADDRESS = 254
"""RFC 5321, section 4.5.3.1.3, without the angle brackets."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOTS = r".\u3002\uff0e\uff61"
_LABEL = rf"[^\s@{_DOTS}\x22(),:;<>\[\]\\]+"
ADDRESS = re.compile(rf"\s*{_ATOM}(\.{_ATOM})*@{_LABEL}([{_DOTS}]{_LABEL})+\s*")
"""The outer form of an address (RFC 5322, dot-atom); IDNA 2008 then decides what a domain may be."""
PHONE_NUMBER = re.compile(r"\s*[+\uff0b][0-9\uff10-\uff19\s()./\u2010-\u2015\u2212\uff0d-]{5,38}")
"""The outer form of a number; its country code and length are judged after that."""


NO_ADDRESS = "Give an e-mail address such as ada@example.org."
NO_PHONE_NUMBER = "Give the number in international form, such as +441632960961."


class Malformed(ValueError):
    """Says what to change."""


def address(text: str) -> str:
    """The address as it is kept; display-name forms and non-ASCII local parts are refused."""
    if not ADDRESS.fullmatch(text):
        raise Malformed(NO_ADDRESS)
    try:
        return validate_email(text.strip(), allow_smtputf8=False, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise Malformed(NO_ADDRESS) from error


def address_key(kept: str) -> str:
    """What addresses are compared by: punycode and Unicode domains meet, case is folded, `+tags` and dots differ."""
    found = validate_email(kept, allow_smtputf8=False, check_deliverability=False).ascii_email
    return (found or kept).lower()


def for_mail_server(kept: str) -> str:
    """The ASCII form that mail is sent to: the local part as it is kept, the domain by IDNA 2008, as `address_key` has it.

    Never by Python's codec `idna`: its IDNA 2003 turns straße.de into strasse.de, which is somebody else's. Raises Malformed.
    """
    if kept.isascii():
        return kept
    try:
        # An operator may try a mail to a host of their own network.
        found = validate_email(kept, allow_smtputf8=False, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise Malformed("Give an e-mail address such as ada@example.org.") from error
    return f"{found.local_part}@{found.ascii_domain}"


def network(ip: str) -> str:
    """An address shortened to its network: /24, or /48 of IPv6. What is no address is left out."""
    try:
        found = ip_address(ip)
    except ValueError:
        return ""
    return str(ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False))


def username(text: str) -> str:
    if not USERNAME.fullmatch(text):
        raise Malformed(
            f"Use {SHORTEST_USERNAME} to {LONGEST_USERNAME} of the letters A-Z and a-z, digits, dot, underscore and hyphen; "
            "at least one letter or digit, and no hyphen at the start."
        )
    return text


def username_key(kept: str) -> str:
    return kept.lower()


def key_of(name: str) -> str:
    """What a user name or an address, as somebody typed it, is looked up by."""
    if "@" not in name:
        return username_key(name.strip())
    try:
        return address_key(address(name))
    except Malformed:
        return name.strip().lower()


def person_name(text: str) -> str:
    """A first or last name, trimmed. Joiners, no-break spaces and emoji belong to names; what reorders text does not."""
    name = text.strip()
    if not 0 < len(name) <= LONGEST_PERSON_NAME:
        raise Malformed(f"Use 1 to {LONGEST_PERSON_NAME} characters.")
    kinds = {letter: unicodedata.category(letter) for letter in name}
    if any(kind in CONTROLS or letter in BIDI_CONTROLS for letter, kind in kinds.items()):
        raise Malformed("Leave out control characters, line breaks and marks that change the direction of text.")
    if all(kind in INVISIBLE or letter in BLANKS for letter, kind in kinds.items()):
        raise Malformed("Use at least one visible character.")
    return name


def phone_number(text: str) -> str:
    """E.164; the international form with spaces or hyphens is taken and tidied."""
    if not PHONE_NUMBER.fullmatch(text):
        raise Malformed(NO_PHONE_NUMBER)
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as error:
        raise Malformed(NO_PHONE_NUMBER) from error
    if not phonenumbers.is_possible_number(parsed):
        raise Malformed("No such number is possible; check the country code and the length.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
