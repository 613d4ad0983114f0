// Leaving for Google (or another OpenID provider) and what this tab remembers of it: sessionStorage lasts as long as the tab.

import {call} from "./api.js";
import {config} from "./config.js";
import {button} from "./dom.js";

const ERRAND = "latchkey.errand";

/** A button for each provider that the service has. */
export const providerButtons = () =>
    config.providers.map(name => button(`Continue with ${called(name)}`, () => leave(`${config.api}/auth/${name}`, {link: false}), "quiet wide"));

export const called = name => name[0].toUpperCase() + name.slice(1);

/** Links the provider to the account of this session. */
export async function link(name) {
    const {authorization_url} = await call("POST", `/auth/${name}/link`);
    leave(authorization_url, {link: true});
}

/** `state` is a word of our own that comes back with the answer: only this tab can have begun what it then goes on with. */
function leave(address, errand) {
    const state = Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem(ERRAND, JSON.stringify({...errand, state}));
    const url = new URL(address);
    url.searchParams.set("state", state);
    location.assign(url);
}

/** What was begun, once. */
export function takeErrand() {
    const errand = JSON.parse(sessionStorage.getItem(ERRAND) ?? "{}");
    sessionStorage.removeItem(ERRAND);
    return errand;
}
