// Recovery codes are shown once: to be copied, or kept as a file.

import {button, el, save, tell} from "./dom.js";
import {config} from "./config.js";

export function recoveryCodes(codes, done) {
    const text = codes.join("\n");
    const copy = async () => {
        const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
        tell(done ? "Copied." : "Your browser does not allow it: save them as a file.");
    };
    const file = `Recovery codes for ${config.service}. Each works once, in place of a code of the app.\n\n${text}\n`;
    return [
        el("h3", {tabindex: "-1"}, "Your recovery codes"),
        el("p", {}, "Each signs you in once without your phone. Keep them where nobody else looks: they are not shown again."),
        el("ul", {class: "codes"}, codes.map(code => el("li", {}, code))),
        el("div", {class: "row"},
            navigator.clipboard && button("Copy", copy),
            button("Save as file", () => save("recovery-codes.txt", file, "text/plain")),
            button("I have kept them", done, "main")),
    ];
}
