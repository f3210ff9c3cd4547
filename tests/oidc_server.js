// A stock OpenID Connect server for tests: oauth2-mock-server, told on standard input what to do, one JSON a line.
// usage: node oidc_server.js PATH-OF-node_modules PORT
const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");

const { OAuth2Server } = createRequire(process.argv[2] + "/")("oauth2-mock-server");
const server = new OAuth2Server();
const say = (answer) => console.log(JSON.stringify(answer));
let claims = {};
server.service.on("beforeTokenSigning", (token) => Object.assign(token.payload, claims));

const actions = {
  start: async () => {
    await server.start(Number(process.argv[3]), "127.0.0.1");
    server.issuer.url = `http://127.0.0.1:${server.address().port}`;
    return server.issuer.url;
  },
  key: async ({ kid, algorithm }) => (await server.issuer.keys.generate(algorithm, { kid })).kid,
  claims: async ({ set }) => { claims = set; return ""; },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const asked = JSON.parse(line);
  try { say({ ok: await actions[asked.action](asked) }); } catch (error) { say({ failed: String(error) }); }
});
process.stdin.on("end", () => process.exit(0));
