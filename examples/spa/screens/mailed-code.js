import {guest, signIn} from "../api.js";
import {config} from "../config.js";
import {el, link} from "../dom.js";
import {code, email, form, password} from "../form.js";
import {orSecondStep} from "../second-step.js";

export const title = "Sign in with a code";

export async function show() {
    const place = el("div", {});
    const send = async values => {
        await guest("POST", "/send-otp", values);
        place.replaceChildren(...entry(place, values.email));
        place.querySelector("input").focus();
    };
    place.append(
        el("p", {}, "We mail you six digits that are good for ten minutes."),
        form({fields: [email()], submit: "Send me a code", send, look: "main wide"}),
    );
    return [place, el("p", {class: "switch"}, link("sign-in", "Back to sign-in"))];
}

function entry(place, address) {
    const fields = [code("otp_code", "Code from your mail")];
    if (!config.passwordless) fields.push(password("password", "Password"));
    const send = values => orSecondStep(place, () => signIn("/verify-otp", {...values, email: address}));
    const again = form({submit: "Send another code", look: "bare", send: () => guest("POST", "/send-otp", {email: address})});
    return [
        // The service never says whether an address has an account, so neither can this.
        el("p", {role: "status"}, "If ", el("strong", {}, address), " has an account, a code is on its way. Only the newest one works."),
        form({fields, submit: "Sign in", send, look: "main wide"}),
        again,
    ];
}
