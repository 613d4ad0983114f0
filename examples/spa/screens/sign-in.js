import {signIn} from "../api.js";
import {config} from "../config.js";
import {el, link} from "../dom.js";
import {field, form, password} from "../form.js";
import {farewell} from "../problem.js";
import {providerButtons} from "../provider.js";
import {go} from "../router.js";
import {orSecondStep} from "../second-step.js";

export const title = "Sign in";

export async function show({told}) {
    const place = el("div", {});
    const fields = [
        field("username", "User name or e-mail address", {autocomplete: "username", autocapitalize: "none", spellcheck: "false"}),
        password("password", "Password"),
    ];
    const send = values => orSecondStep(place, () => signIn("/login", values)).catch(explain);
    place.append(
        form({fields, submit: "Sign in", send, look: "main wide"}),
        el("ul", {class: "links"}, el("li", {}, link("forgot-password", "Forgot your password?")), el("li", {}, link("mailed-code", "Sign in with a code by mail"))),
        ...others(),
    );
    const note = told.reason ? `${farewell(told.reason)} ${told.reason === "logout" ? "" : "Please sign in again."}` : told.note;
    return [note && el("p", {class: "message", role: "status"}, note), place];
}

function others() {
    const providers = providerButtons();
    return [
        providers.length > 0 && el("p", {class: "or"}, "or"),
        ...providers,
        config.signup && el("p", {class: "switch"}, "New here? ", link("sign-up", "Create an account")),
    ].filter(Boolean);
}

function explain(problem) {
    if (problem.code !== "email_not_confirmed") throw problem;
    go("look-into-mail", {unconfirmed: true});
}
