// A backend: answers the questions of menus, and takes events. Node alone, nothing to install.
// WEBHOOK_SECRET=whsec_... node backend.js [HOST [PORT]]
const { createHmac, timingSafeEqual } = require("crypto");

const key = Buffer.from(process.env.WEBHOOK_SECRET.slice("whsec_".length), "base64");
const gold = { "+4930123456": "Ada" };
const seen = new Set(); // a real one keeps this in its database: an event may come twice, with the same id

// Check the signature as Standard Webhooks says, and that it is not an old one sent again.
function genuine(headers, body) {
  const at = headers["webhook-timestamp"] || "0";
  const mac = createHmac("sha256", key).update(`${headers["webhook-id"]}.${at}.`).update(body).digest();
  const signed = (headers["webhook-signature"] || "").split(" ").map((one) => Buffer.from(one.replace("v1,", ""), "base64"));
  return Math.abs(Date.now() / 1000 - at) < 300 && signed.some((one) => one.length === mac.length && timingSafeEqual(one, mac));
}

function answer(path, headers, body) {
  if (path === "/ask") {
    const name = gold[JSON.parse(body).values.caller];
    return [200, name ? { result: "gold", attributes: { name } } : { result: "other" }];
  }
  if (!genuine(headers, body)) return [401, { error: "the signature is wrong" }];
  for (const event of [JSON.parse(body)].flat()) {
    if (!seen.has(event.id)) console.log(event.time, event.type, event.subject);
    seen.add(event.id);
  }
  return [200, {}];
}

require("http").createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const [status, document] = answer(request.url, request.headers, Buffer.concat(parts));
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(document));
  });
}).listen(Number(process.argv[3] || 9090), process.argv[2] || "127.0.0.1");
