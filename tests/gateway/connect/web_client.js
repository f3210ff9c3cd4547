// Calls with Google's own client of gRPC-Web: node web_client.js ADDRESS FORMAT; prints what came, as JSON.
global.XMLHttpRequest = require("xhr2");
const { GrpcWebClientBase, MethodDescriptor, MethodType } = require("grpc-web");

const [address, format] = process.argv.slice(2);
const client = new GrpcWebClientBase({ format });
const service = `http://${address}/prism.data.v1.KeyValue`;
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const text = (value) => Buffer.from(value).toString("base64");
const found = {};

function described(name, type) {
  return new MethodDescriptor(`/prism.data.v1.KeyValue/${name}`, type, Object, Object, (message) => message, (answer) => answer);
}

function unary(name, request, metadata = {}) {
  return new Promise((resolve) => {
    client.rpcCall(`${service}/${name}`, bytes(request), metadata, described(name, MethodType.UNARY), (error, answer) =>
      resolve(error ? { code: error.code, message: error.message, details: error.metadata } : text(answer)));
  });
}

function streamed(name, request) {
  return new Promise((resolve) => {
    const pages = [];
    const stream = client.serverStreaming(`${service}/${name}`, bytes(request), {}, described(name, MethodType.SERVER_STREAMING));
    stream.on("data", (answer) => pages.push(text(answer)));
    stream.on("error", (error) => resolve({ code: error.code, message: error.message }));
    stream.on("end", () => resolve(pages));
  });
}

async function main() {
  const [put, get, scan] = JSON.parse(process.env.REQUESTS);
  found.put = await unary("Put", put);
  found.get = await unary("Get", get, { deadline: String(Date.now() + 5000) });
  found.refused = await unary("Get", get, { "prism-namespace": "none" });
  if (format === "text") found.scan = await streamed("ScanStream", scan);
  console.log(JSON.stringify(found));
}

main();
