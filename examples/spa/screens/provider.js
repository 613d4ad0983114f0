// Where the service sends the browser back to from a provider: `#code=…` or `#error=…`, and our own `state`.

import {call, signIn} from "../api.js";
import {el, link, tell} from "../dom.js";
import {sentence} from "../problem.js";
import {takeErrand} from "../provider.js";
import {go} from "../router.js";
import {orSecondStep} from "../second-step.js";
import * as tokens from "../tokens.js";

export const title = "Signing in";
const FOREIGN = "This sign-in was not begun in this tab, so it is not carried on.";

export async function show() {
    const answer = new URLSearchParams(location.hash.slice(1));
    history.replaceState(null, "", location.pathname); // a code has no business in the history
    const errand = takeErrand();
    // Without this a stranger could have you sign in to an account of theirs, by a link.
    if (!errand.state || answer.get("state") !== errand.state) return failed(FOREIGN);
    if (answer.has("error")) return failed(sentence({code: answer.get("error"), title: "The sign-in did not work"}));
    const place = el("div", {}, el("p", {role: "status"}, "One moment …"));
    const code = answer.get("code");
    try {
        if (errand.link) await linked(code);
        else await orSecondStep(place, () => signIn("/auth/exchange", {code}));
    } catch (problem) {
        return failed(sentence(problem));
    }
    return [place]; // once signed in, the router goes on
}

/** With the token of the session that began it: 204. */
async function linked(code) {
    await call("POST", "/auth/exchange", {code});
    setTimeout(() => go("security").then(() => tell("The account is linked.")));
}

const failed = text => [
    el("p", {class: "message bad", role: "alert"}, text),
    el("p", {class: "switch"}, link(tokens.isSignedIn() ? "security" : "sign-in", tokens.isSignedIn() ? "Back" : "Back to sign-in")),
];
