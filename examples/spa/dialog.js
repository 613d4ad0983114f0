// Questions above the screen: <dialog> keeps the keyboard inside, and Escape always means no.

import {button, el} from "./dom.js";
import {form} from "./form.js";

/** Opens one; `content(close)` makes what it holds. Resolves to what was given to `close`, undefined for Escape. */
export function open(title, content, role = "dialog") {
    return new Promise(resolve => {
        const heading = el("h2", {id: "dialog-title", tabindex: "-1"}, title);
        const box = el("dialog", {role, "aria-labelledby": "dialog-title"}, heading);
        let outcome;
        const close = value => {
            outcome = value;
            box.close();
        };
        box.addEventListener("close", () => {
            box.remove();
            resolve(outcome);
        });
        box.append(...[content(close)].flat());
        document.body.append(box);
        box.showModal();
    });
}

/** Whether the person wants it; `send` may do it before the dialog closes, and its problem is shown there. */
export function confirm(title, text, submit, send = async () => {}) {
    return open(title, close => [
        el("p", {}, text),
        form({
            submit,
            look: "danger",
            more: [button("Cancel", () => close(false))],
            send: async () => {
                await send();
                close(true);
            },
        }),
    ]);
}
