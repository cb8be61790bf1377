// Requests to this server, and what it says when it refuses one.

const address = location.origin + location.pathname.replace(/\/+$/, "");
const explanations = address.replace("/predictions/", "/explanations/").replace(/:predict$/, ":explain");
let token = ""; // in memory only

// A request that failed, in words for a reader; `status` is 0 where the server did not respond.
class Refusal extends Error {
  constructor(status, type, title, detail, id = "") {
    super(title);
    Object.assign(this, { status, type, detail, id });
  }

  // Whether the same request may succeed later.
  get mayPass() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

// Sends an image; returns the response, as a JSON document and as a file, its request id, and the milliseconds that it
// took. What is not of the expected kind, such as the page of a proxy that asks for a login, is a failure.
async function send(url, file, isExpected, headers = {}) {
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const all = { Accept: "application/json", "Content-Type": "application/octet-stream", ...authorization, ...headers };
  const body = await read(file);
  const start = performance.now();
  let response, blob;
  try {
    response = await fetch(url, { method: "POST", body, headers: all });
    blob = await response.blob();
  } catch {
    const large = file.size > 20 * 2 ** 20 ? "the image may have too many bytes, or " : ""; // cut off while it was sent
    throw new Refusal(0, "", "The server did not respond", `${large}the server cannot be reached`);
  }
  const milliseconds = performance.now() - start;
  const text = await blob.text();
  const id = response.headers.get("x-request-id") ?? "";
  if (!response.ok) {
    throw refusal(response.status, text, id);
  }
  const document = parsed(text);
  if (!isExpected(document, blob)) {
    throw new Refusal(0, "", "The response cannot be read", "something between this page and the server may have sent it");
  }
  return { document, blob, id, milliseconds };
}

// Returns what a text says in JSON, or undefined.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch {
    throw new Refusal(400, "", "This file cannot be read", "hand over image files that are there, and no folders");
  }
}

// Reads a problem document (RFC 9457), TorchServe's own JSON, or what a proxy says.
function refusal(status, text, id) {
  const problem = parsed(text) ?? {}; // no JSON: the status has to do
  const words = (value) => (typeof value === "string" ? value : "");
  const title = words(problem.title) || TITLES[status] || `The server responded with status ${status}`;
  return new Refusal(status, words(problem.type), title, words(problem.detail) || words(problem.message), id);
}

// Of statuses that come without a document: a token's, and TorchServe's own.
const TITLES = {
  401: "This server asks for a token",
  403: "This token may not send images",
  413: "The image has too many bytes",
  503: "The server cannot take the image now",
};

// "send a photo" -> "Send a photo."
function sentence(text) {
  const plain = text.trim();
  return plain && plain[0].toUpperCase() + plain.slice(1) + (/[.!?…]$/.test(plain) ? "" : ".");
}
