import {call} from "../api.js";
import {card, el, moment} from "../dom.js";
import {action} from "../form.js";

export const title = "Activity";

/** What each kind of event is called. The service may tell of more than this knows. */
const NAMES = {
    signed_up: "Account created",
    email_confirmed: "Address confirmed",
    signed_in: "Signed in",
    new_device: "Signed in from a new kind of device",
    sign_in_failed: "Failed sign-in",
    sign_in_refused: "Refused sign-in",
    sign_in_wants_factor: "Right password, code still wanted",
    code_failed: "Wrong code",
    reauthenticated: "Confirmed that it is you",
    reauthentication_failed: "Wrong password when confirming",
    signed_out: "Signed out",
    session_ended: "A device was signed out",
    other_sessions_ended: "All other devices were signed out",
    token_reused: "A copied token was used; that session was ended",
    profile_changed: "Profile changed",
    password_changed: "Password changed",
    password_reset: "Password set anew by mail",
    email_change_asked: "Change of address asked for",
    email_changed: "Address changed",
    email_change_undone: "Change of address undone",
    not_me: "“This was not me” pressed",
    account_deleted: "Account deleted",
    account_restored: "Account brought back",
    provider_linked: "A provider was linked",
    provider_unlinked: "A provider was unlinked",
    mfa_enabled: "Two-step sign-in turned on",
    mfa_disabled: "Two-step sign-in turned off",
    recovery_code_used: "Recovery code used",
    recovery_codes_renewed: "New recovery codes made",
    unlocked: "Unlocked by the operator",
    account_activated: "Activated by the operator",
    account_deactivated: "Deactivated by the operator",
    signed_out_by_operator: "Signed out by the operator",
    made_admin: "Made an administrator",
    admin_revoked: "Administrator role removed",
    everybody_signed_out: "Everybody was signed out by the operator",
};
const WARNINGS = new Set(["sign_in_failed", "sign_in_refused", "code_failed", "reauthentication_failed", "token_reused", "not_me"]);

export async function show() {
    const list = el("ul", {class: "list"});
    const more = action("Show older", () => add(next));
    let next = null;
    const add = async before => {
        const page = await call("GET", `/security-events${before ? `?before=${encodeURIComponent(before)}` : ""}`);
        const entries = page.events.map(entry);
        list.append(...entries);
        next = page.next;
        more.hidden = !next;
        if (before) entries[0]?.focus();
    };
    await add(null);
    return [el("p", {class: "lead"}, "What happened to your account, the latest first."), card(null, list), more];
}

function entry(event) {
    const name = NAMES[event.kind] ?? event.kind.replaceAll("_", " ");
    const where = [event.device, event.ip].filter(Boolean).join(" · ");
    return el("li", {class: "item", tabindex: "-1"},
        el("span", {class: WARNINGS.has(event.kind) ? "dot bad" : "dot"}),
        el("div", {class: "grow"}, el("strong", {}, name), el("p", {class: "hint"}, moment(event.time), where && ` · ${where}`)));
}
