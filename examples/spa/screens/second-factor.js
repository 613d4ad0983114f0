import {call} from "../api.js";
import {el, link, tell} from "../dom.js";
import {code, form} from "../form.js";
import {recoveryCodes} from "../recovery-codes.js";
import {go} from "../router.js";

export const title = "Set up an authenticator app";

export async function show() {
    const offer = await call("POST", "/mfa");
    const place = el("div", {class: "card"});
    const send = async ({mfa_code}) => {
        const {recovery_codes} = await call("POST", "/mfa", {mfa_code: mfa_code.trim()});
        place.replaceChildren(...recoveryCodes(recovery_codes, () => go("security")));
        place.querySelector("h3").focus();
        tell("Two-step sign-in is on.");
    };
    place.append(
        el("ol", {class: "steps"},
            el("li", {}, "Open an authenticator app on your phone. Any will do."),
            el("li", {}, "Let it scan this picture:", el("img", {class: "qr", src: offer.qr_code, alt: "QR code for the authenticator app"}),
                el("details", {}, el("summary", {}, "I cannot scan it"),
                    el("p", {}, "Type this key, or ", el("a", {href: offer.provisioning_uri}, "open it in an app on this device"), ":"),
                    el("code", {class: "key"}, offer.mfa_secret.match(/.{1,4}/g).join(" ")))),
            el("li", {}, "Type the code that it shows now:")),
        form({fields: [code("mfa_code", "Code")], submit: "Turn on", send, more: [link("security", "Cancel")]}),
    );
    return [place];
}
