import {guest} from "../api.js";
import {el, link, tell} from "../dom.js";
import {email, form} from "../form.js";

export const title = "Look into your mail";

export async function show({told}) {
    const lead = told.unconfirmed
        ? ["Your address is not confirmed yet: use the link that we mailed you when you signed up."]
        : told.email
          ? ["We have written to ", el("strong", {}, told.email), ". Use the link in that mail, and your account is ready."]
          : ["Use the link in the mail that we sent you."];
    const send = async values => {
        await guest("POST", "/resend-confirmation", values);
        tell("If this address waits for confirmation, a new mail is on its way.");
    };
    return [
        el("p", {}, lead),
        el("p", {}, "Nothing there? Look among the unwanted mail, or have it sent again:"),
        form({fields: [email({value: told.email})], submit: "Send it again", send, look: "quiet wide"}),
        el("p", {class: "switch"}, link("sign-in", "Back to sign-in")),
    ];
}
