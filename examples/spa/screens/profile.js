import {call} from "../api.js";
import {config} from "../config.js";
import {card, el, moment, tell} from "../dom.js";
import {action, email, field, form} from "../form.js";
import * as tokens from "../tokens.js";

export const title = "Profile";
let draft = null;

export async function show() {
    const profile = await call("GET", "/profile");
    return [
        card("Picture", ...picture(profile)),
        card("About you", about(profile)),
        card("E-mail address", ...address(profile)),
        el("p", {class: "hint"}, "With us since ", moment(profile.created_at), "."),
    ];
}

function about(profile) {
    const mine = draft?.id === profile.id ? draft.values : {};
    draft = null;
    const fields = [
        field("username", "User name", {autocomplete: "username", autocapitalize: "none", spellcheck: "false"}),
        field("first_name", "First name", {autocomplete: "given-name", optional: true}),
        field("last_name", "Last name", {autocomplete: "family-name", optional: true}),
        field("phone_number", "Phone number", {type: "tel", autocomplete: "tel", optional: true, hint: "In international form, such as +44 1632 960961."}),
    ];
    let saved = profile;
    for (const {name, input} of fields) input.value = mine[name] ?? profile[name] ?? "";
    const send = async values => {
        saved = await call("PUT", "/profile", changes(emptied(values), saved)).catch(problem => {
            // The session may have ended: after the next sign-in what was typed is here again, for the same person.
            if (!tokens.isSignedIn()) draft = {id: profile.id, values};
            throw problem;
        });
        for (const {name, input} of fields) input.value = saved[name] ?? "";
        tell("Saved.");
    };
    return form({fields, submit: "Save", send, layout: "pairs"});
}

/** Only what is new: some fields need a recent sign-in, and only a person who changes one should be asked for it. */
const changes = (values, saved) => Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== saved[name]));

const emptied = values => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.trim() || null]));

function address(profile) {
    const place = el("div", {});
    const show = current => {
        const send = async values => {
            show(await call("PUT", "/profile", values));
            tell("Look into the mail at the new address: its link makes the change.");
        };
        const waiting = current.pending_email && el("div", {class: "message"},
            el("p", {role: "status"}, "Waiting for ", el("strong", {}, current.pending_email), " to be confirmed by the link in its mail."),
            action("Cancel the change", async () => show(await call("PUT", "/profile", {email: current.email}))));
        place.replaceChildren(...[
            el("p", {}, "Your address is ", el("strong", {}, current.email), "."),
            waiting,
            form({fields: [email({label: "New e-mail address", autocomplete: "off"})], submit: "Change address", send, look: "quiet"}),
        ].filter(Boolean));
    };
    show(profile);
    return [place];
}

function picture(profile) {
    const frame = el("div", {class: "picture"});
    const file = field("profile_picture", "Choose a picture", {
        type: "file",
        accept: "image/png,image/jpeg,image/gif",
        hint: `PNG, JPEG or GIF, up to ${Math.floor(config.pictureBytes / 2 ** 20)} MB.`,
    });
    const chosen = file.input;
    const remove = action("Remove", async () => shown(await call("DELETE", "/profile/picture")));
    const upload = form({
        fields: [file],
        submit: "Upload",
        send: async () => {
            const body = new FormData();
            body.append("profile_picture", chosen.files[0]);
            shown(await call("PUT", "/profile", body));
            tell("Your picture is changed.");
        },
    });
    const shown = current => {
        // By the name that this page calls the service: as localhost and 127.0.0.1 it has two.
        const url = current?.profile_picture && new URL(new URL(current.profile_picture).pathname, config.api);
        frame.replaceChildren(url ? el("img", {src: url, alt: "Your picture", width: 96, height: 96}) : el("span", {"aria-hidden": "true"}, profile.username[0].toUpperCase()));
        remove.hidden = !url;
        chosen.value = "";
    };
    chosen.addEventListener("change", () => preview(chosen.files[0], frame, file.setFault));
    shown(profile);
    return [el("div", {class: "portrait"}, frame, el("div", {}, upload, remove))];
}

function preview(file, frame, setFault) {
    setFault(file && file.size > config.pictureBytes ? "This file is too large." : "");
    if (!file) return;
    const url = URL.createObjectURL(file);
    const image = el("img", {src: url, alt: "Preview of the chosen picture", width: 96, height: 96, onload: () => URL.revokeObjectURL(url)});
    image.addEventListener("error", () => setFault("This does not look like a picture."));
    frame.replaceChildren(image);
}
