// One button, not at once: programs that look at the links in a mail must not confirm anything.
// The link proves the mailbox. The sign-up in this browser, its session, or the password proves the rest.

import {call, guest, signIn} from "../api.js";
import {el, link} from "../dom.js";
import {form, password} from "../form.js";
import {go} from "../router.js";
import {orSecondStep} from "../second-step.js";
import * as signups from "../signups.js";
import * as tokens from "../tokens.js";

export const title = "Confirm your address";

export async function show({parts: [token]}) {
    const path = `/confirm/${encodeURIComponent(token)}`;
    const place = el("div", {});
    const send = async () => {
        if (await withoutPassword(path)) return arrive();
        place.replaceChildren(el("p", {role: "status"}, "Enter the password of this account to confirm the address."), byPassword(path, place));
        place.querySelector("input").focus();
    };
    place.append(el("p", {}, "Is this your address? Then confirm it with one press."), form({submit: "Confirm", send, look: "main wide"}));
    return [place, el("p", {class: "switch"}, link("look-into-mail", "Send me a new link"))];
}

/** By the link alone where the service allows that, by a sign-up of this browser, or by its session. */
async function withoutPassword(path) {
    const ways = [() => guest("POST", path), ...signups.tokens().map(signup_token => () => guest("POST", path, {signup_token}))];
    if (tokens.isSignedIn()) ways.push(() => call("POST", path));
    for (const way of ways) {
        try {
            await way();
            return true;
        } catch (problem) {
            if (problem.code !== "confirmation_proof_required") throw problem;
        }
    }
    return false;
}

/** Password and address together also sign in. */
function byPassword(path, place) {
    const send = values => orSecondStep(place, () => signIn(path, values));
    return form({fields: [password("password", "Password")], submit: "Confirm", send, look: "main wide"});
}

async function arrive() {
    signups.forget();
    await go(tokens.isSignedIn() ? "profile" : "sign-in", {note: "Your address is confirmed. You can sign in now."});
}
