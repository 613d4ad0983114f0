// Some calls want a recent sign-in (401 reauthentication_required). This asks for it; then api.js repeats the call.

import {call, hooks, proveAnew} from "./api.js";
import {open} from "./dialog.js";
import {button, el} from "./dom.js";
import {code, form, password} from "./form.js";

let asked = null;

/** One question for all calls that wait for it. */
hooks.stepUp = methods => (asked ??= ask(methods).finally(() => (asked = null)));

async function ask(methods) {
    const done = await open("Is it you?", close => {
        const place = el("div", {});
        const show = way => place.replaceChildren(...way(methods, close, show));
        show(methods.includes("password") ? byPassword : byMail);
        return place;
    });
    return done === true;
}

function byPassword(methods, close, show) {
    const fields = [password("password", "Your password"), ...secondFactor(methods)];
    const send = async values => {
        await proveAnew("/reauthenticate", given(values));
        close(true);
    };
    const other = methods.includes("email_otp") && button("Use a code by mail", () => show(byMail), "bare");
    return [
        el("p", {}, "You signed in a while ago. Please confirm that it is still you before this is changed."),
        form({fields, submit: "Confirm", send, more: [button("Cancel", () => close(false)), other]}),
    ];
}

function byMail(methods, close) {
    const place = el("div", {});
    const cancel = () => button("Cancel", () => close(false));
    const ask = form({
        submit: "Send me a code",
        more: [cancel()],
        send: async () => {
            await call("POST", "/send-otp");
            const fields = [code("otp_code", "Code from your mail"), ...secondFactor(methods)];
            const send = async values => {
                await proveAnew("/verify-otp", given(values));
                close(true);
            };
            place.replaceChildren(el("p", {role: "status"}, "A code is on its way to your address."), form({fields, submit: "Confirm", send, more: [cancel()]}));
            fields[0].input.focus();
        },
    });
    place.append(el("p", {}, "Please confirm that it is still you, by a code that we mail to your address."), ask);
    return [place];
}

const secondFactor = methods =>
    methods.includes("totp") ? [code("mfa_code", "Code of your app, or a recovery code", {digits: false})] : [];

const given = values => Object.fromEntries(Object.entries(values).filter(([, value]) => value));
