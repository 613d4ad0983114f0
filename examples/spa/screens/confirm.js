// One button, not at once: programs that look at the links in a mail must not confirm anything.

import {guest} from "../api.js";
import {el, link} from "../dom.js";
import {form} from "../form.js";
import {go} from "../router.js";
import * as tokens from "../tokens.js";

export const title = "Confirm your address";

export async function show({parts: [token]}) {
    const send = async () => {
        await guest("POST", `/confirm/${encodeURIComponent(token)}`);
        await go(tokens.isSignedIn() ? "profile" : "sign-in", {note: "Your address is confirmed. You can sign in now."});
    };
    return [
        el("p", {}, "Is this your address? Then confirm it with one press."),
        form({submit: "Confirm", send, look: "main wide"}),
        el("p", {class: "switch"}, link("look-into-mail", "Send me a new link")),
    ];
}
