// Forms: labels, errors beside their fields, one message above, a button that knows when to wait. What was typed stays.

import {config} from "./config.js";
import {button, el} from "./dom.js";
import {Problem, sentence} from "./problem.js";

const NEEDED = "This field is needed.";
/** Problems that concern one field, though the service names none. */
const BESIDE = {username_taken: "username", invalid_mfa_code: "mfa_code", invalid_image: "profile_picture"};
let count = 0;

/** A labelled input. `options` are its attributes and: `hint`, `optional`. */
export function field(name, label, {hint, optional = false, ...attributes} = {}) {
    const id = `${name}-${++count}`;
    const input = el("input", {type: "text", ...attributes, id, name, "aria-required": optional || attributes.type === "file" ? null : "true"});
    const fault = el("p", {class: "fault", id: `${id}-fault`, "aria-live": "polite"});
    const help = hint && el("p", {class: "hint", id: `${id}-hint`}, hint);
    input.setAttribute("aria-describedby", [help && help.id, fault.id].filter(Boolean).join(" "));
    const row = input.type === "password" ? el("div", {class: "secret"}, input, reveal(input)) : input;
    const node = el("div", {class: "field"}, el("label", {for: id}, label, optional && el("span", {class: "hint"}, " optional")), row, help, fault);
    const setFault = text => {
        fault.textContent = text;
        input.setAttribute("aria-invalid", String(Boolean(text)));
    };
    input.addEventListener("input", () => setFault(""));
    return {name, node, input, optional, setFault};
}

export const password = (name, label, options = {}) =>
    field(name, label, {type: "password", autocomplete: "current-password", ...options});

/** One that does not exist yet: its manager may make one up. */
export const newPassword = (name, label, more = "Three or four words together are good.") =>
    password(name, label, {autocomplete: "new-password", hint: `At least ${config.passwordLength} characters. ${more}`});

export const email = ({label = "E-mail address", ...options} = {}) =>
    field("email", label, {type: "email", autocomplete: "email", autocapitalize: "none", ...options});

/** A code of six digits; where a recovery code will do too, letters can be typed. */
export const code = (name, label, {digits = true, ...options} = {}) =>
    field(name, label, {autocomplete: "one-time-code", inputmode: digits ? "numeric" : "text", autocapitalize: "none", spellcheck: "false", class: "code", ...options});

function reveal(input) {
    const toggle = button("Show", () => {
        const hidden = input.type === "password";
        input.type = hidden ? "text" : "password";
        toggle.setAttribute("aria-pressed", String(hidden));
    }, "bare");
    toggle.setAttribute("aria-pressed", "false");
    toggle.setAttribute("aria-controls", input.id);
    return toggle;
}

/** A form that hands its values to `send`. `more` is put beside the button; `look` is the button's, `layout` the form's. */
export function form({fields = [], submit, send, more = [], look = "main", layout = null}) {
    const message = el("div", {class: "message bad", role: "alert", tabindex: "-1"});
    const act = el("button", {type: "submit", class: look}, submit);
    const node = el("form", {novalidate: true, class: layout}, message, fields.map(one => one.node), el("div", {class: "row"}, act, more));
    node.addEventListener("submit", async event => {
        event.preventDefault();
        if (act.disabled || node.ariaBusy === "true" || isIncomplete(fields)) return;
        message.replaceChildren();
        node.ariaBusy = "true";
        try {
            await send(values(fields), event);
        } catch (problem) {
            if (!(problem instanceof Problem)) throw problem;
            show(problem, fields, message);
            if (problem.wait) pause(act, problem.wait);
        } finally {
            node.ariaBusy = "false";
        }
    });
    return node;
}

/** Text fields are trimmed by the service where that is right, never here: a password may end with a space. */
const values = fields => Object.fromEntries(fields.map(one => [one.name, one.input.value]));

function isIncomplete(fields) {
    fields.forEach(one => one.setFault(""));
    const empty = fields.filter(one => !one.optional && !one.input.value);
    empty.forEach(one => one.setFault(NEEDED));
    empty[0]?.input.focus();
    return empty.length > 0;
}

/** Each sentence beside its field; what has no field stands in the message. */
function show(problem, fields, message) {
    const errors = {...problem.errors};
    if (BESIDE[problem.code]) errors[BESIDE[problem.code]] = [sentence(problem)];
    const blamed = fields.filter(one => errors[one.name]);
    blamed.forEach(one => one.setFault(errors[one.name].join(" ")));
    const others = Object.keys(errors).filter(name => !fields.some(one => one.name === name)).flatMap(name => errors[name]);
    if (others.length) message.replaceChildren(...others.map(text => el("p", {}, text)));
    else if (!blamed.length) message.replaceChildren(el("p", {}, sentence(problem)));
    (blamed[0]?.input ?? message).focus();
}

/** Nothing can be sent before the service takes it again (429 and 503 say when); the button counts the seconds. */
export function pause(act, seconds) {
    const words = act.textContent;
    const until = Date.now() + seconds * 1000;
    const tick = () => {
        const left = Math.ceil((until - Date.now()) / 1000);
        act.disabled = left > 0;
        act.textContent = left > 0 ? `Try again in ${duration(left)}` : words;
        if (left > 0) setTimeout(tick, 250);
    };
    tick();
}

function duration(seconds) {
    if (seconds > 5400) return `${Math.ceil(seconds / 3600)} h`;
    return seconds > 90 ? `${Math.ceil(seconds / 60)} min` : `${seconds} s`;
}

/** A button that calls and says what went wrong beside itself. */
export function action(text, send, look = "quiet") {
    return form({submit: text, send, look});
}
