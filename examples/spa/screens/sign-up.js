import {guest} from "../api.js";
import {el, link} from "../dom.js";
import {email, field, form, newPassword} from "../form.js";
import {providerButtons} from "../provider.js";
import {go} from "../router.js";
import * as signups from "../signups.js";

export const title = "Create an account";

export async function show() {
    const fields = [
        field("username", "User name", {autocomplete: "username", autocapitalize: "none", spellcheck: "false", hint: "3 to 32 letters, digits, dots, hyphens or underscores."}),
        email(),
        newPassword("password", "Password"),
    ];
    const send = async values => {
        const answer = await guest("POST", "/signup", values);
        signups.keep(answer.username, answer.signup_token);
        await go("look-into-mail", {email: values.email});
    };
    const providers = providerButtons();
    return [
        form({fields, submit: "Create account", send, look: "main wide"}),
        providers.length > 0 && el("p", {class: "or"}, "or"),
        providers,
        el("p", {class: "switch"}, "Have an account? ", link("sign-in", "Sign in")),
    ];
}
