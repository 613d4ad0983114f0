// Addresses and screens. Each screen is a module with `title` and `show({parts, told})`, which returns nodes.

import {button, el} from "./dom.js";
import {base, config} from "./config.js";
import {pause} from "./form.js";
import {frame} from "./frame.js";
import {Problem, sentence} from "./problem.js";
import * as tokens from "./tokens.js";

const GUEST = "guest";
const SIGNED_IN = "signed in";
const ARRIVING = "coming back from a provider";
/** After these nobody comes back to where they were. */
const FINAL = ["logout", "account_deleted"];
const SCREENS = {
    "sign-in": [GUEST, () => import("./screens/sign-in.js")],
    "mailed-code": [GUEST, () => import("./screens/mailed-code.js")],
    "sign-up": [GUEST, () => import("./screens/sign-up.js")],
    "look-into-mail": [GUEST, () => import("./screens/look-into-mail.js")],
    "forgot-password": [GUEST, () => import("./screens/forgot-password.js")],
    "confirm": ["all", () => import("./screens/confirm.js")],
    "reset-password": ["all", () => import("./screens/reset-password.js")],
    "auth": [ARRIVING, () => import("./screens/provider.js")],
    "profile": [SIGNED_IN, () => import("./screens/profile.js")],
    "security": [SIGNED_IN, () => import("./screens/security.js")],
    "second-factor": [SIGNED_IN, () => import("./screens/second-factor.js")],
    "sessions": [SIGNED_IN, () => import("./screens/sessions.js")],
    "activity": [SIGNED_IN, () => import("./screens/activity.js")],
    "your-data": [SIGNED_IN, () => import("./screens/your-data.js")],
};
const root = document.querySelector("#app");
let turn = 0;
let shown = {};

/** `told` goes to the screen and stays with the entry of the history; never a secret. */
export function go(path, told = {}) {
    const url = new URL(path, base);
    if (url.href === location.href) history.replaceState(told, "", url);
    else history.pushState(told, "", url);
    return render();
}

export function start() {
    document.addEventListener("click", event => {
        const link = event.target.closest("a[href]");
        const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
        if (!link || !plain || link.target || link.download || !link.href.startsWith(base.href) || link.hash) return;
        event.preventDefault();
        go(link.getAttribute("href"));
    });
    addEventListener("popstate", () => render());
    tokens.onChange(follow);
    return render();
}

/** Every tab goes along when the session ends, begins, or becomes another one. */
function follow(session) {
    const isNew = session.access && session.id !== shown.session;
    if (session.ended && shown.who === SIGNED_IN) go("sign-in", {reason: session.ended, from: FINAL.includes(session.ended) ? null : shown.path});
    else if (isNew && [GUEST, ARRIVING].includes(shown.who)) go(history.state?.from ?? "profile");
    else if (isNew && shown.who === SIGNED_IN) render();
}

async function render() {
    const mine = ++turn;
    const path = location.href.startsWith(base.href) ? location.pathname.slice(base.pathname.length) : "";
    const [name, ...parts] = path.split("/").filter(Boolean);
    const [who, load] = SCREENS[name] ?? SCREENS[tokens.isSignedIn() ? "profile" : "sign-in"];
    if (who === SIGNED_IN && !tokens.isSignedIn()) return replace("sign-in", {from: path});
    if (who === GUEST && tokens.isSignedIn()) return replace("profile");
    const isFirst = !shown.who;
    shown = {who, path, session: tokens.read().id};
    const {title, show} = await load();
    const content = await show({parts, told: history.state ?? {}, path}).catch(failed);
    if (mine !== turn) return; // the person has gone on
    const heading = el("h1", {tabindex: "-1"}, title);
    document.title = `${title} · ${config.service}`;
    document.querySelectorAll("dialog").forEach(dialog => dialog.close());
    root.replaceChildren(...frame(name ?? "profile", who, heading, content));
    scrollTo(0, 0);
    if (!isFirst) heading.focus(); // else a screen reader would not notice that the screen is another
}

function replace(path, told = {}) {
    history.replaceState(told, "", new URL(path, base));
    return render();
}

function failed(problem) {
    if (!(problem instanceof Problem)) throw problem;
    const again = button("Try again", () => render(), "main");
    if (problem.wait) pause(again, problem.wait);
    return [el("div", {class: "card"}, el("p", {class: "message bad", role: "alert"}, sentence(problem)), again)];
}
