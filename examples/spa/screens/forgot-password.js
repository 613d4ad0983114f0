import {guest} from "../api.js";
import {el, link} from "../dom.js";
import {email, form} from "../form.js";

export const title = "Forgot your password?";

export async function show() {
    const place = el("div", {});
    const send = async values => {
        await guest("POST", "/forgot-password", values);
        const said = el("p", {role: "status", tabindex: "-1"}, "If ", el("strong", {}, values.email), " has an account, a link is on its way. It is good for half an hour.");
        place.replaceChildren(said);
        said.focus();
    };
    place.append(
        el("p", {}, "Tell us your address, and we mail you a link that sets a new one."),
        form({fields: [email()], submit: "Send me a link", send, look: "main wide"}),
    );
    return [place, el("p", {class: "switch"}, link("sign-in", "Back to sign-in"))];
}
