"""The scripts of the Postman collection: what runs before a request, and what is checked and kept after it."""

from resources.postman_walk import Mail, Step

NEW_PERSON = """\
// A person of their own for each run, so that the folder can be run again.
const tag = Date.now().toString(36);
pm.environment.set("username", "ada." + tag);
pm.environment.set("email", `ada.${tag}@example.org`);
pm.environment.set("new_email", `ada.${tag}@new.example.org`);
"""
MAIL = """\
// Waits for the mail in the development mailbox. Elsewhere, set %(variable)s by hand.
const wanted = %(pattern)s;
const to = pm.environment.get("%(to)s");
const read = JSON.parse(pm.environment.get("read_mails") || "[]");
const look = (tries) => pm.sendRequest(
    {url: pm.environment.get("base_url") + "/dev/mailbox", header: {Accept: "application/json"}},
    (error, answer) => {
        if (error || answer.code !== 200) return;
        const mail = answer.json().find((one) => one.to === to && wanted.test(one.text) && !read.includes(one.id));
        if (mail) {
            pm.environment.set("%(variable)s", wanted.exec(mail.text)[1]);
            pm.environment.set("read_mails", JSON.stringify([...read, mail.id].slice(-20)));
        } else if (tries) setTimeout(() => look(tries - 1), 500);
    });
look(30);
"""
TOTP = """\
// What the authenticator app shows (RFC 6238), %(when)s.
const crypto = require("crypto-js");
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const bits = [...pm.environment.get("mfa_secret")].map((one) => letters.indexOf(one).toString(2).padStart(5, "0")).join("");
const bytes = bits.match(/.{8}/g).map((one) => parseInt(one, 2).toString(16).padStart(2, "0")).join("");
const show = () => {
    const step = (Math.floor(Date.now() / 30000) + (%(steps)d)).toString(16).padStart(16, "0");
    const digest = crypto.HmacSHA1(crypto.enc.Hex.parse(step), crypto.enc.Hex.parse(bytes)).toString();
    const at = parseInt(digest.slice(-1), 16) * 2;
    const number = parseInt(digest.slice(at, at + 8), 16) & 0x7fffffff;
    pm.environment.set("mfa_code", String(number %% 1000000).padStart(6, "0"));
};
const left = 30000 - Date.now() %% 30000;
setTimeout(show, left < 2000 ? left + 100 : 0); // not in the last moment of a code
"""
PATTERNS = {
    Mail.CONFIRM: ("confirm_token", r"/\/confirm\/([A-Za-z0-9_-]+)/"),
    Mail.RESET: ("reset_token", r"/\/reset-password\/([A-Za-z0-9_-]+)/"),
    Mail.UNDO: ("undo_token", r"/\/undo\/([A-Za-z0-9_-]+)/"),
    Mail.NOT_ME: ("not_me_token", r"/\/not-me\/([A-Za-z0-9_-]+)/"),
    Mail.CODE: ("otp_code", r"/^(\d{6})\s*$/m"),
}


def before(step: Step) -> str:
    """The pre-request script; empty for none."""
    found = NEW_PERSON if step.new_person else ""
    if step.mail:
        variable, pattern = PATTERNS[step.mail]
        found += MAIL % {"variable": variable, "pattern": pattern, "to": step.mailed_to}
    if step.totp is not None:
        when = "one step ago, so that the present code is still good to sign in with" if step.totp else "now"
        found += TOTP % {"steps": step.totp, "when": when}
    return found


def after(step: Step) -> str:
    """The test script: the status, the code of a refusal, and what is kept for later requests."""
    statuses = ", ".join(map(str, step.statuses))
    lines = [f'pm.test("answers {statuses}", () => pm.expect(pm.response.code).to.be.oneOf([{statuses}]));']
    if step.code:
        lines.append(f'pm.test("says {step.code}", () => pm.expect(pm.response.json().code).to.equal("{step.code}"));')
    for name, expression in step.keep.items():
        lines += [
            f'pm.test("gives {name}", () => {{',
            "    const told = pm.response.json();",
            f"    const found = {expression};",
            '    pm.expect(found).to.be.a("string").and.not.be.empty;',
            f'    pm.environment.set("{name}", found);',
            "});",
        ]
    return "\n".join(lines) + "\n"
