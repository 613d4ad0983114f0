// Elements without a framework. Text is always text: nothing in this app parses HTML, so nothing can be smuggled in.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
    user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.9-3.3 3.9-5 7.5-5s6.6 1.7 7.5 5",
    shield: "M12 3.5 5 6v5.5c0 4.3 2.9 7.4 7 9 4.1-1.6 7-4.7 7-9V6l-7-2.5Zm-3 8.3 2.2 2.2 3.9-4",
    screen: "M4 5h16v11H4zM9 20h6M12 16v4",
    pulse: "M3 12h4l2.5-6 4.5 12 2.5-6H21",
    box: "M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8",
    phone: "M8 3h8a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1Zm3 15h2",
    mail: "M3.5 6h17v12h-17zM3.5 7l8.5 6 8.5-6",
    out: "M14 8V5H5v14h9v-3M10 12h10M17 9l3 3-3 3",
};

/** An element; false and null among attributes and children are left out, `onclick` and the like are listeners. */
export function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
        else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter(child => ![false, null, undefined].includes(child)));
    return node;
}

/** A picture beside words that say the same, so it is hidden from screen readers. */
export function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    for (const [key, value] of Object.entries({viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true"}))
        svg.setAttribute(key, value);
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
}

export const link = (path, text, look = "") => el("a", {href: path, class: look || null}, text);

export function button(text, onclick, look = "quiet") {
    return el("button", {type: "button", class: look, onclick}, text);
}

/** A part of a screen, under its own heading. */
export function card(heading, ...children) {
    return el("section", {class: "card"}, heading && el("h2", {}, heading), children);
}

/** A moment in the reader's own time and words, exact on hover. */
export function moment(text) {
    const date = new Date(text);
    const words = date.toLocaleString(undefined, {dateStyle: "medium", timeStyle: "short"});
    return el("time", {datetime: text, title: date.toISOString()}, words);
}

/** Offers a file that is made here; `blob:` leaves no address behind. */
export function save(name, content, type) {
    const url = URL.createObjectURL(new Blob([content], {type}));
    el("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const live = document.querySelector(".toast");
let hide;

/** Says something for a while at the screen's edge, also to screen readers. */
export function tell(text) {
    live.textContent = text;
    clearTimeout(hide);
    hide = setTimeout(() => live.replaceChildren(), 6000);
}
