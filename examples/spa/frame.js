// What stands around every screen: for guests a quiet column, for members a menu.

import {signOut} from "./api.js";
import {config} from "./config.js";
import {button, el, icon} from "./dom.js";

const MENU = [
    ["profile", "Profile", "user"],
    ["security", "Security", "shield"],
    ["sessions", "Devices", "screen"],
    ["activity", "Activity", "pulse"],
    ["your-data", "Your data", "box"],
];
const BENEATH = {"second-factor": "security"};

export function frame(name, who, heading, content) {
    return who === "signed in" ? member(BENEATH[name] ?? name, heading, content) : guest(heading, content);
}

function guest(heading, content) {
    const main = el("main", {class: "guest"}, el("div", {class: "card"}, heading, content));
    return [el("header", {class: "guest"}, brand()), main, ...mailbox()];
}

function member(name, heading, content) {
    const links = MENU.map(([path, words, picture]) =>
        el("li", {}, el("a", {href: path, "aria-current": path === name && "page"}, icon(picture), words)));
    const leave = button("Sign out", () => signOut(), "bare");
    leave.prepend(icon("out"));
    return [
        el("header", {class: "member"}, brand(), leave),
        el("div", {class: "columns"}, el("nav", {"aria-label": "Account"}, el("ul", {}, links)), el("main", {}, heading, content)),
        ...mailbox(),
    ];
}

const brand = () => el("a", {href: "profile", class: "brand"}, el("img", {src: "icon.svg", alt: "", width: 32, height: 32}), config.service);

/** In development the mail lands on this machine. */
function mailbox() {
    if (!config.mailbox) return [];
    const link = el("a", {href: config.api + config.mailbox, target: "_blank", rel: "noopener"}, "Development mailbox");
    return [el("footer", {}, link)];
}
