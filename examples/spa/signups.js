// What this browser knows of sign-ups that wait for their link: user name and `signup_token`, for as long as that is good.
// With it the person who signed up here need not type the password again.

const KEY = "latchkey.signups";
const LIFE = 24 * 3600 * 1000;

const read = () => {
    try {
        return JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
        return {};
    }
};

const live = signups => Object.fromEntries(Object.entries(signups).filter(([, one]) => one.until > Date.now()));

export function keep(username, token) {
    localStorage.setItem(KEY, JSON.stringify({...live(read()), [username]: {token, until: Date.now() + LIFE}}));
}

export const tokens = () => Object.values(live(read())).map(one => one.token);

export const forget = () => localStorage.removeItem(KEY);
