// A session without a call ends after a while, and every signed-in answer says when. This warns before, in every tab.

import {call, signOut} from "./api.js";
import {open} from "./dialog.js";
import {button, el} from "./dom.js";
import * as tokens from "./tokens.js";

const WARNING = 60_000;
let close = null;

export function start() {
    look(); // before the first call is answered, which would count as activity
    setInterval(look, 1000);
    document.addEventListener("visibilitychange", look); // a tab in the background, or a laptop asleep, may count late
}

function look() {
    const {at, life} = tokens.idle();
    if (!tokens.isSignedIn() || !at) return close?.();
    const left = at - Date.now();
    // Not by asking the service: that call would itself count as activity.
    if (left <= 0) return signOut("idle");
    if (left > Math.min(WARNING, life / 2)) return close?.(); // another tab was used
    if (!close) warn();
    document.querySelector("#idle-left").textContent = `${Math.ceil(left / 1000)} s`;
}

async function warn() {
    const stay = el("button", {type: "button", class: "main"}, "Stay signed in");
    const opened = open("Are you still there?", shut => {
        close = shut;
        stay.addEventListener("click", async () => {
            await call("GET", "/profile").catch(() => null); // any call will do
            shut();
        });
        return [
            el("p", {}, "Nothing has happened for a while. You will be signed out in ", el("strong", {id: "idle-left", role: "timer"}), "."),
            el("div", {class: "row"}, stay, button("Sign out", () => signOut())),
        ];
    }, "alertdialog");
    await opened;
    close = null;
}
