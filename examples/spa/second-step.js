// The second factor of a sign-in, whichever way it began: 401 mfa_required gave a token that carries it on for five minutes.

import {signIn} from "./api.js";
import {el} from "./dom.js";
import {code, form} from "./form.js";

/** Runs a sign-in; where it wants a second factor, asks for that inside `place`. */
export async function orSecondStep(place, begin) {
    try {
        await begin();
    } catch (problem) {
        if (problem.code !== "mfa_required") throw problem;
        place.replaceChildren(...secondStep(problem));
        place.querySelector("input").focus();
    }
}

function secondStep({mfa_token, methods}) {
    const recovery = methods.includes("recovery_code");
    const hint = recovery ? "Six digits. Without your phone, type one of your recovery codes." : "Six digits.";
    return [
        el("p", {role: "status"}, "One more step: the code that your authenticator app shows."),
        form({
            fields: [code("mfa_code", "Code", {hint, digits: !recovery})],
            submit: "Continue",
            send: ({mfa_code}) => signIn("/login", {mfa_token, mfa_code: mfa_code.trim()}),
            more: [el("a", {href: "sign-in"}, "Begin again")],
        }),
    ];
}
