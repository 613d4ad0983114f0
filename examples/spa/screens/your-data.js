import {call} from "../api.js";
import {open} from "../dialog.js";
import {button, card, el, save, tell} from "../dom.js";
import {action, form, password} from "../form.js";
import * as tokens from "../tokens.js";

export const title = "Your data";

export async function show() {
    const profile = await call("GET", "/profile");
    const download = async () => {
        const everything = await call("GET", "/profile/export");
        save(`${profile.username}.json`, JSON.stringify(everything, null, 4), "application/json");
        tell("The file is saved.");
    };
    return [
        card("Take it with you", el("p", {}, "One file with all that the service holds about you."), action("Download my data", download)),
        card("Delete your account",
            el("p", {}, "You are signed out everywhere at once. A link in your mail brings the account back for a while; then everything is erased."),
            button("Delete my account …", () => ask(profile), "danger")),
    ];
}

function ask(profile) {
    return open("Delete your account?", close => [
        el("p", {}, "Nobody can sign in to it any more, and in the end nothing of it is left."),
        form({
            fields: profile.has_password ? [password("password", "Your password")] : [],
            submit: "Delete my account",
            look: "danger",
            more: [button("Cancel", () => close())],
            send: async values => {
                await call("DELETE", "/profile", values);
                close();
                tokens.end("account_deleted");
            },
        }),
    ]);
}
