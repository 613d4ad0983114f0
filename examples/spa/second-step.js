// What a sign-in may still want, whichever way it began. Each refusal gave a token that continues the sign-in:
// 401 mfa_required for five minutes, 401 link_proof_required for ten.

import {guest, signIn} from "./api.js";
import {button, el} from "./dom.js";
import {code, form, password} from "./form.js";

const STEPS = {mfa_required: secondStep, link_proof_required: linkProof};

/** Runs a sign-in; where it wants a further proof, asks for that inside `place`. */
export async function orSecondStep(place, begin) {
    try {
        await begin();
    } catch (problem) {
        if (!STEPS[problem.code]) throw problem;
        put(place, STEPS[problem.code](problem, place));
    }
}

function put(place, content) {
    place.replaceChildren(...content);
    place.querySelector("input, button").focus();
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
            more: [again()],
        }),
    ];
}

/** The provider's address has an account here that is not linked yet: its owner proves once that both are theirs. */
function linkProof({link_token, methods}, place) {
    const send = proof => orSecondStep(place, () => signIn("/auth/link", {link_token, ...proof}));
    const byCode = () => [
        el("p", {role: "status"}, "A code is on its way to the address of your account."),
        form({fields: [code("otp_code", "Code from your email")], submit: "Link and sign in", send, more: [again()]}),
    ];
    const mail = async () => {
        await guest("POST", "/auth/link/code", {link_token});
        put(place, byCode());
    };
    const byMail = () => [
        el("p", {}, "You already have an account with this address. To link it, enter a code that we email to you."),
        form({submit: "Send me a code", send: mail, more: [again()]}),
    ];
    const byPassword = () => [
        el("p", {role: "status"}, "You already have an account with this address. Enter its password to link the two."),
        form({
            fields: [password("password", "Password")],
            submit: "Link and sign in",
            send,
            more: [button("Use an emailed code", () => put(place, byMail()), "bare"), again()],
        }),
    ];
    return methods.includes("password") ? byPassword() : byMail();
}

const again = () => el("a", {href: "sign-in"}, "Begin again");
