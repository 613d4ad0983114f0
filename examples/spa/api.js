// Every call to the service. Screens use `call` (signed in) and `guest`; both return the JSON or throw a Problem.

import {config} from "./config.js";
import {Problem, problemOf, UNREACHABLE} from "./problem.js";
import * as tokens from "./tokens.js";

const LOCK = "latchkey.refresh";
const TOKEN_REFUSED = new Set(["token_expired", "token_invalid", "session_ended", "token_reused", "authentication_required", "csrf_failed"]);
const MENDED_BY_REFRESH = new Set(["token_expired", "authentication_required"]);

/** Asks the person to prove who they are; step-up.js puts itself here. Resolves to whether they did. */
export const hooks = {stepUp: async () => false};

/** A call without a session: sign-up, sign-in, links. */
export async function guest(method, path, body) {
    return read(await send(method, path, {body}));
}

/** A sign-in's last step: its token answer begins the session. */
export async function signIn(path, body) {
    tokens.keep(await guest("POST", path, body));
}

/** A call of the signed-in person. Refreshes, steps up and repeats itself where that helps. */
export async function call(method, path, body) {
    for (let tries = 1; ; tries++) {
        const held = await usable();
        try {
            return await read(await send(method, path, {body, token: held.access}));
        } catch (problem) {
            if (tries === 3 || !(await isMended(problem, held))) throw problem;
        }
    }
}

/** A step-up: the same session goes on with tokens that tell of it. */
export async function proveAnew(path, body) {
    const {id} = tokens.read();
    await renew(id, await call("POST", path, body));
}

/** Ends the session here and everywhere; the reason is for the other tabs too. */
export async function signOut(reason = "logout") {
    const held = tokens.read();
    tokens.end(reason); // at once: whoever leaves must not depend on the network
    // The refresh token, which is still good when the access token has expired.
    if (held.refresh) await send("POST", "/logout", {token: held.refresh}).catch(() => null);
}

async function isMended(problem, held) {
    if (problem.code === "reauthentication_required") return hooks.stepUp(problem.methods);
    if (!TOKEN_REFUSED.has(problem.code)) return false;
    if (tokens.read().access !== held.access) return tokens.isSignedIn(); // another tab has newer ones
    if (MENDED_BY_REFRESH.has(problem.code)) return Boolean(await refresh(held));
    tokens.end(problem.reason ?? problem.code);
    return false;
}

async function usable() {
    const held = tokens.read();
    const fit = held.access && Date.now() >= held.due ? await refresh(held) : held;
    if (!fit.access) throw new Problem({status: 401, code: "authentication_required", title: "You are signed out", detail: ""});
    return fit;
}

/** One refresh for all tabs: whoever waited for the lock finds that the tokens have changed, and uses those. */
function refresh(held) {
    return locked(async waited => {
        // What another tab has written may come here a little later than its lock: measured in Chromium.
        const now = await tokens.changedFrom(held, waited ? 2000 : 50);
        if (now.refresh !== held.refresh) return now;
        try {
            await renew(held.id, await read(await send("POST", "/refresh", {token: held.refresh})));
        } catch (problem) {
            if (problem.status === 401) tokens.end(problem.reason ?? problem.code);
            throw problem; // without an answer the session may well live: nothing is thrown away
        }
        return tokens.read();
    });
}

/** Newer tokens that come after a sign-out are not kept. Their session is ended once more, which also clears their cookies. */
async function renew(id, answer) {
    if (tokens.renew(id, answer)) return;
    await send("POST", "/logout", {token: answer.refresh_token ?? answer.csrf_refresh_token}).catch(() => null);
}

async function locked(action) {
    // Over plain http (other than localhost) browsers have no locks. The service's grace for spent tokens covers that.
    if (!navigator.locks) return action(false);
    const {held} = await navigator.locks.query();
    const waited = held.some(lock => lock.name === LOCK);
    return navigator.locks.request(LOCK, () => action(waited));
}

async function send(method, path, {body, token} = {}) {
    const headers = {Accept: "application/json"};
    if (config.cookies) headers["X-Token-Location"] = "cookies";
    if (token) Object.assign(headers, config.cookies ? {"X-CSRF-TOKEN": token} : {Authorization: `Bearer ${token}`});
    const isForm = body instanceof FormData;
    if (body && !isForm) headers["Content-Type"] = "application/json";
    const credentials = config.cookies ? "include" : "omit";
    try {
        const sent = {method, headers, credentials, body: isForm || !body ? body : JSON.stringify(body)};
        const answer = await fetch(config.api + path, sent);
        tokens.noteIdle(answer);
        return answer;
    } catch {
        throw new Problem(UNREACHABLE);
    }
}

async function read(answer) {
    if (!answer.ok) throw await problemOf(answer);
    return answer.status === 204 ? null : answer.json();
}
