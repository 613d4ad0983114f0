import {call} from "../api.js";
import {config} from "../config.js";
import {confirm, open} from "../dialog.js";
import {button, card, el, link, tell} from "../dom.js";
import {action, code, form, newPassword, password} from "../form.js";
import {called, link as linkProvider} from "../provider.js";
import {go} from "../router.js";
import {recoveryCodes} from "../recovery-codes.js";

export const title = "Security";

export async function show() {
    const [profile, mfa] = [await call("GET", "/profile"), await call("GET", "/mfa")];
    const providers = [...new Set([...config.providers, ...profile.oauth_providers])];
    return [
        card("Password", profile.has_password ? change(profile) : without()),
        card("Two-step sign-in", ...(mfa.mfa_enabled ? on(mfa) : off())),
        providers.length > 0 && card("Other ways to sign in", ...providers.map(name => provider(name, profile))),
    ];
}

function change({username}) {
    const fields = [
        password("current_password", "Current password"),
        newPassword("new_password", "New password", "Your other devices are signed out."),
    ];
    const send = async (values, event) => {
        await call("POST", "/change-password", values);
        event.target.reset();
        tell("Your password is changed. You are signed out everywhere else.");
    };
    const made = form({fields, submit: "Change password", send, layout: "pairs"});
    made.prepend(el("input", {type: "text", autocomplete: "username", value: username, hidden: true})); // for password managers
    return made;
}

const without = () => el("p", {}, "Your account has no password. ", link("forgot-password", "Set one by a link in your mail"), ".");

function off() {
    return [
        el("p", {}, "After your password, also a code that only your phone can show: a stolen password alone is then worth nothing."),
        el("div", {class: "row"}, link("second-factor", "Set up an authenticator app", "button main")),
    ];
}

function on(mfa) {
    const left = mfa.recovery_codes_left;
    const place = el("div", {});
    const renew = async () => {
        let codes = [];
        const send = async body => ({recovery_codes: codes} = await call("POST", "/mfa/recovery-codes", body));
        if (!(await askCode("New recovery codes", "The old ones then no longer work.", "Make new codes", send))) return;
        place.replaceChildren(...recoveryCodes(codes, () => go("security")));
        place.querySelector("h3").focus();
    };
    const turnOff = async () => {
        const send = body => call("DELETE", "/mfa", body);
        if (!(await askCode("Turn two-step sign-in off?", "From then on your password alone signs in.", "Turn off", send))) return;
        await go("security");
        tell("Two-step sign-in is off.");
    };
    place.append(el("div", {},
        el("p", {}, el("span", {class: "badge good"}, "On"), " Recovery codes left: ", el("strong", {}, left), "."),
        left < 4 && el("p", {class: "message"}, "Few recovery codes are left. Make a new set, or a lost phone locks you out."),
        el("div", {class: "row"}, button("New recovery codes …", renew), button("Turn off …", turnOff, "danger"))));
    return [place];
}

/** Whether `send` did it with a code. */
function askCode(title, text, submit, send) {
    return open(title, close => [
        el("p", {}, text),
        form({
            fields: [code("mfa_code", "Code of your app, or a recovery code", {digits: false})],
            submit,
            more: [button("Cancel", () => close(false))],
            send: async ({mfa_code}) => {
                await send({mfa_code: mfa_code.trim()});
                close(true);
            },
        }),
    ]);
}

function provider(name, profile) {
    const linked = profile.oauth_providers.includes(name);
    const unlink = async () => {
        if (await confirm(`Unlink ${called(name)}?`, `You can then no longer sign in with ${called(name)}.`, "Unlink", () => call("DELETE", `/auth/${name}/link`))) {
            await go("security");
            tell("The link is taken away.");
        }
    };
    return el("div", {class: "item"},
        el("div", {}, el("strong", {}, called(name)), el("p", {class: "hint"}, linked ? "Linked to your account." : "Not linked.")),
        linked ? button("Unlink", unlink) : action("Link", () => linkProvider(name)));
}
