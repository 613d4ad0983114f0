// A front end's calls, typed by the OpenAPI document: `tsc --strict` decides whether the document can be used at all.
// usage: node journey.js BASE_URL. Prints the steps that were taken; an exception ends it.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };
const username = "ada.ts";
const email = "ada.ts@example.org";
const password = "correct-horse-battery";
const client = createClient<paths>({ baseUrl: process.argv[2] ?? "", headers: { Accept: "application/json" } });
const steps: string[] = [];

function done<T>(step: string, answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.error !== undefined || answer.data === undefined) {
    throw new Error(`${step}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  steps.push(step);
  return answer.data;
}

function check(step: string, holds: boolean): void {
  if (!holds) throw new Error(step);
  steps.push(step);
}

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

async function mailed(link: RegExp): Promise<string> {
  for (let tries = 0; tries < 300; tries++) {
    const { data } = await client.GET("/dev/mailbox");
    for (const mail of Array.isArray(data) ? data : []) {
      const token = mail.to === email ? link.exec(mail.text)?.[1] : undefined;
      if (token !== undefined) return token;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("no mail came");
}

// RFC 6238, as an authenticator app.
async function totp(secret: string): Promise<string> {
  const bits = [...secret].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => parseInt(byte, 2));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(Date.now() / 30_000)));
  const digest = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const number = digest.getUint32(digest.getUint8(19) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

async function signUp(): Promise<void> {
  done("sign up", await client.POST("/signup", { body: { username, email, password, first_name: "Ada" } }));
  const early = await client.POST("/login", { body: { username, password } });
  check("sign in too early", early.error?.code === "email_not_confirmed");
  const token = await mailed(/\/confirm\/([A-Za-z0-9_-]+)/);
  done("confirm", await client.POST("/confirm/{token}", { params: { path: { token } } }));
}

async function signIn(): Promise<string> {
  const wrong = await client.POST("/login", { body: { username, password: "wrong" } });
  check("a wrong password", wrong.error?.code === "invalid_credentials");
  const tokens = done("sign in", await client.POST("/login", { body: { username, password } }));
  const next = done("refresh", await client.POST("/refresh", bearer(tokens.refresh_token)));
  const life: number = next.expires_in;
  check("the token lives", life > 0);
  return next.access_token;
}

async function profile(token: string): Promise<void> {
  const before = done("read the profile", await client.GET("/profile", bearer(token)));
  check("the name is there", before.first_name === "Ada" && before.phone_number === null);
  const changed = await client.PUT("/profile", { ...bearer(token), body: { phone_number: "+44 1632 960961", last_name: null } });
  check("the number is E.164", done("change the profile", changed).phone_number === "+441632960961");
  const refused = await client.PUT("/profile", { ...bearer(token), body: { phone_number: "1" } });
  check("what is wrong is told by field", refused.error?.code === "validation_failed" && refused.error.errors?.phone_number !== undefined);
}

async function secondFactor(token: string): Promise<string> {
  const offer = done("begin MFA", await client.POST("/mfa", bearer(token)));
  const code = { mfa_code: await totp(offer.mfa_secret ?? "") };
  const codes = done("turn MFA on", await client.POST("/mfa", { ...bearer(token), body: code })).recovery_codes ?? [];
  const first = await client.POST("/login", { body: { username, password } });
  check("MFA is asked for", first.error?.code === "mfa_required");
  const second = { mfa_token: first.error?.mfa_token ?? "", mfa_code: codes[0] ?? "" };
  const tokens = done("second step", await client.POST("/login", { body: second }));
  const off = { mfa_code: codes[1] ?? "" };
  done("turn MFA off", await client.DELETE("/mfa", { ...bearer(tokens.access_token), body: off }));
  return tokens.access_token;
}

async function sessions(token: string): Promise<void> {
  done("sign in elsewhere", await client.POST("/login", { body: { username, password } }));
  const other = done("list the sessions", await client.GET("/sessions", bearer(token))).find((session) => !session.current);
  const path = { session_id: other?.id ?? "" };
  const ended = await client.DELETE("/sessions/{session_id}", { ...bearer(token), params: { path } });
  check("end the other session", ended.response.status === 204);
  const events = done("read the record", await client.GET("/security-events", { ...bearer(token), params: { query: { limit: 5 } } }));
  check("five events", events.events.length === 5);
}

async function signOut(token: string): Promise<void> {
  done("sign out", await client.POST("/logout", bearer(token)));
  const after = await client.GET("/profile", bearer(token));
  check("the session has ended", after.error?.code === "session_ended" && after.error.reason === "logout");
}

// Never called: tsc fails where one of these is taken.
export async function refused(): Promise<void> {
  // @ts-expect-error a password is needed
  await client.POST("/login", { body: { username } });
  // @ts-expect-error one step or the other
  await client.POST("/login", { body: { mfa_code: "123456" } });
  // @ts-expect-error a number is no address
  await client.POST("/signup", { body: { username, password, email: 1 } });
  // @ts-expect-error no such call
  await client.GET("/auth/exchange");
  const { error } = await client.POST("/login", { body: { username, password } });
  // @ts-expect-error no such code at this call
  check("", error?.code === "mfa_already_enabled");
}

await signUp();
const token = await signIn();
await profile(token);
const later = await secondFactor(token);
await sessions(later);
await signOut(later);
console.log(JSON.stringify(steps));
