import {guest} from "../api.js";
import {el, link} from "../dom.js";
import {form, newPassword} from "../form.js";
import {sentence} from "../problem.js";
import {go} from "../router.js";

export const title = "Set a new password";

export async function show({parts: [token]}) {
    const path = `/reset-password/${encodeURIComponent(token)}`;
    try {
        await guest("GET", path); // spends nothing
    } catch (problem) {
        if (problem.code !== "invalid_token") throw problem;
        return [el("p", {class: "message bad", role: "alert"}, sentence(problem)), el("p", {class: "switch"}, link("forgot-password", "Send me a new link"))];
    }
    const fields = [newPassword("password", "New password")];
    const send = async values => {
        await guest("POST", path, values);
        await go("sign-in", {note: "Your password is set, and you are signed out everywhere. Sign in with the new one."});
    };
    return [form({fields, submit: "Set the password", send, look: "main wide"})];
}
