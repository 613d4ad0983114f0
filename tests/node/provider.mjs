// The certified OpenID provider. usage: node provider.mjs PORT REDIRECT_URI...
// Whoever signs in as `ada` is ada@example.org there; its own development pages ask for name and consent.
import Provider from "oidc-provider";

const [port, ...redirectUris] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{client_id: "latchkey", client_secret: "secret-of-latchkey", redirect_uris: redirectUris}],
    claims: {openid: ["sub"], email: ["email", "email_verified"], profile: ["given_name", "family_name"]},
    pkce: {required: () => true},
    features: {devInteractions: {enabled: true}},
    async findAccount(context, id) {
        const person = {sub: id, email: `${id}@example.org`, email_verified: true, given_name: "Ada", family_name: "Lovelace"};
        return {accountId: id, claims: async () => person};
    },
});
provider.listen(Number(port), "127.0.0.1");
