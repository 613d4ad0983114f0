// Errors as the service tells them (RFC 9457), and in a person's words.

export class Problem extends Error {
    /** `told`: the members of the problem document; `wait`: seconds, from Retry-After. */
    constructor(told, wait = 0) {
        super(told.title);
        Object.assign(this, told);
        this.wait = wait;
    }
}

export const UNREACHABLE = {
    status: 0,
    code: "unreachable",
    title: "The service does not answer",
    detail: "Check your connection and try again. What you have typed is still here.",
};

export async function problemOf(answer) {
    const told = await answer.json().catch(() => null);
    const fallback = {status: answer.status, code: "unknown", title: "Something went wrong", detail: `Status ${answer.status}.`};
    return new Problem(told?.code ? told : fallback, Number(answer.headers.get("Retry-After")) || 0);
}

/** What to say, a sentence or two. The service's `detail` speaks to developers where a person needs other words. */
export function sentence(problem) {
    if (problem.code === "reauthentication_required") return "Nothing was changed, because you did not confirm that it is you.";
    if (problem.status === 500) return `${problem.title}. It is not your fault. Request id: ${problem.request_id}`;
    if (problem.wait) return `${problem.title}. Please wait a moment; nothing is lost.`;
    if (problem.code === "invalid_credentials") return problem.detail; // tells a sign-in from a step-up
    return PLAIN[problem.code] ?? `${problem.title}. ${problem.detail ?? ""}`;
}

const PLAIN = {
    invalid_otp: "Something does not fit: the address, the password or the code. Only the newest code works, and only once.",
    invalid_mfa_code: "That code is not right. Wait for your app’s next code, since each works once, or use a recovery code.",
    email_not_confirmed: "Your address is not confirmed yet. Use the link in your mail, or have it sent again.",
    account_inactive: "This account is closed. If you deleted it yourself, the link in our mail brings it back.",
    token_invalid: "That took too long. Please sign in again from the beginning.",
    signup_closed: "New accounts are not taken at the moment.",
    invalid_token: "This link has been used, has expired, or was replaced by a newer one.",
    payload_too_large: "That file is too large.",
    password_not_set: "Your account has no password. Set one by “Forgot your password?”.",
    last_sign_in_method: "This is your only way to sign in. Set a password first.",
    provider_already_linked: "That account is linked already: here or to another account. Unlink it there first.",
    provider_unavailable: "The provider cannot be reached at the moment. Try again, or sign in another way.",
    oauth_failed: "The sign-in went wrong. Nothing was changed: you can begin again.",
    oauth_cancelled: "You canceled the sign-in. Nothing was changed: you can begin again.",
};

/** Why a session ended: the `reason` of `session_ended`, or what this app knows itself. */
export const REASONS = {
    logout: "You have signed out.",
    idle: "You were signed out because nothing happened for a while.",
    expired: "Your session has reached its greatest age.",
    token_expired: "You have been away for long.",
    revoked_by_user: "Your session was ended from another device or by a link in your mail.",
    password_changed: "Your password was changed on another device.",
    password_reset: "Your password was set anew, which ends every session.",
    mfa_changed: "Your two-step sign-in was changed on another device.",
    token_reused: "A copy of your session’s token was used, so the session was ended to be safe.",
    account_inactive: "Your account is not active.",
    account_deleted: "Your account is deleted. The link in our mail brings it back for a while.",
    revoked_by_admin: "The operator of the service has signed you out.",
};

export const farewell = reason => `${REASONS[reason] ?? "Your session has ended."}`;
