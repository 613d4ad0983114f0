// What another service does with an access token: it knows our issuer and its own audience, and fetches the rest.
// It does not look at `typ` or `type`: the audience alone keeps refresh tokens out.
// Prints one JSON list: for each token its claims, or why it is refused.
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 has it under this name only
const { createRemoteJWKSet, jwtVerify } = await import("jose");

const [issuer, audience, ...tokens] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
const expected = { issuer, audience, algorithms: ["EdDSA", "ES256"], requiredClaims: ["exp", "sub", "sid", "jti"] };

async function verdict(token) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
    return { claims: payload, algorithm: protectedHeader.alg, typ: protectedHeader.typ };
  } catch (error) {
    return { refused: error.code ?? String(error) };
  }
}

console.log(JSON.stringify(await Promise.all(tokens.map(verdict))));
