// The session as this browser holds it: one entry in localStorage, so that all tabs have the same.
//
// In header mode the tokens themselves are here, where any script of this origin can read them: a single hole (XSS) and
// they are gone. The strict policy and the absence of innerHTML make that unlikely; cookie mode makes it impossible, and
// is the better choice in production. There, only the two CSRF values are here, which are worth nothing by themselves.
// (Tokens kept in memory only would be lost by each reload and unknown to the next tab.)

import * as signups from "./signups.js";

const SESSION = "latchkey.session";
const IDLE = "latchkey.idle";
const listeners = new Set();

/** `{id, access, refresh, due}` while signed in, `{ended: reason}` afterwards, else `{}`. */
export const read = () => parsed(SESSION);

export const isSignedIn = () => "access" in read();

function parsed(key) {
    try {
        return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
        return {};
    }
}

function write(session) {
    localStorage.setItem(SESSION, JSON.stringify(session));
    listeners.forEach(listener => listener(session));
}

/** Begins a session with a sign-in's token answer, of either mode. */
export const keep = answer => write({id: String(Math.random()), ...kept(answer)});

/** Keeps newer tokens of the session `id`. False where that has ended here meanwhile: then nothing is kept. */
export function renew(id, answer) {
    if (read().id !== id) return false;
    write({id, ...kept(answer)});
    return true;
}

const kept = answer => ({
    access: answer.access_token ?? answer.csrf_access_token,
    refresh: answer.refresh_token ?? answer.csrf_refresh_token,
    // A little before the access token expires, so that none does on its way.
    due: Date.now() + answer.expires_in * 1000 - Math.min(5000, answer.expires_in * 250),
});

/** The session once it is no longer `held`, or as it is after so many milliseconds. */
export async function changedFrom(held, patience) {
    const until = Date.now() + patience;
    while (read().refresh === held.refresh && Date.now() < until) await new Promise(resolve => setTimeout(resolve, 10));
    return read();
}

/** Forgets all that this browser holds of the account, and remembers why, for every tab to say. */
export function end(reason) {
    if (!isSignedIn()) return;
    localStorage.removeItem(IDLE);
    signups.forget();
    write({ended: reason});
}

/** Calls back on every change, of this tab (at once) and of the others (`storage` fires only there). */
export function onChange(listener) {
    listeners.add(listener);
    addEventListener("storage", event => {
        if (event.key === SESSION || event.key === null) listener(read());
    });
}

/** How long the session lasts without a call, as each answer says; `{at, life}` in milliseconds of this machine's clock. */
export function noteIdle(answer) {
    const promised = Date.parse(answer.headers.get("Session-Idle-Expires"));
    if (!promised || "ended" in read()) return; // a late answer to a session that is over
    // The server's own clock where it can be seen (same origin): this machine's may be wrong.
    const life = promised - (Date.parse(answer.headers.get("Date")) || Date.now());
    localStorage.setItem(IDLE, JSON.stringify({at: Date.now() + life, life}));
}

export const idle = () => parsed(IDLE);
