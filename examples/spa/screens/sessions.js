import {call} from "../api.js";
import {confirm} from "../dialog.js";
import {card, el, icon, moment, tell} from "../dom.js";
import {action} from "../form.js";
import {go} from "../router.js";

export const title = "Devices";

export async function show() {
    const sessions = await call("GET", "/sessions");
    const others = sessions.filter(session => !session.current);
    return [
        el("p", {class: "lead"}, "Where you are signed in. End what you do not know, and change your password then."),
        card(null, el("ul", {class: "list"}, sessions.map(session => entry(session)))),
        others.length > 0 && action("Sign out all other devices", () => endOthers(others.length), "danger"),
    ];
}

function entry(session) {
    const end = async () => {
        await call("DELETE", `/sessions/${session.id}`);
        await go("sessions");
        tell(`${session.device} is signed out.`);
    };
    const about = el("div", {class: "grow"},
        el("div", {class: "name"}, el("strong", {}, session.device), session.current && el("span", {class: "badge good"}, "This device")),
        el("p", {class: "hint"}, `${session.ip} · `, session.current ? ["since ", moment(session.created_at)] : ["last used ", moment(session.last_activity)]));
    return el("li", {class: "item"}, icon(/iOS|iPhone|Android/.test(session.device) ? "phone" : "screen"), about, !session.current && named(action("Sign out", end), session.device));
}

/** Several buttons of the same words: the device is added for those who hear the page. */
function named(form, device) {
    const button = form.querySelector("button");
    button.append(el("span", {class: "unseen"}, ` ${device}`));
    return form;
}

async function endOthers(count) {
    const text = count === 1 ? "One other device is signed out at once." : `${count} other devices are signed out at once.`;
    if (!(await confirm("Sign out all others?", text, "Sign out", () => call("DELETE", "/sessions")))) return;
    await go("sessions");
    tell("All other devices are signed out.");
}
