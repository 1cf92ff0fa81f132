// What every page uses: calls with the token of the session, short messages, live streams.

const body = document.body;

/** Shows a short message; `bad` for failures. */
export function toast(text, bad = false) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), bad ? 12000 : 5000);
}

/** Calls our interface. Returns the answer's JSON; throws Error with the sentence to show.
 *  A session that is over opens the dialog and throws with status 401; nothing typed is lost. */
export async function call(path, { method = "GET", json, body: raw, signal } = {}) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-csrf-token"] = body.dataset.csrf;
  if (json !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, signal, body: json === undefined ? raw : JSON.stringify(json) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error(body.dataset.language === "id" ? "Server tidak dapat dihubungi" : "The server cannot be reached"), { status: 0 });
  }
  const told = answer.headers.get("content-type")?.includes("json") ? await answer.json() : null;
  if (answer.ok) return told;
  if (answer.status === 401) document.getElementById("signin-again").showModal();
  throw Object.assign(new Error(told?.detail ?? `${answer.status}`), { status: answer.status });
}

/** Follows a stream of server-sent events; `each(data)` gets parsed JSON. Returns a closer. */
export function follow(path, each, onState = () => {}) {
  const source = new EventSource(path);
  source.onmessage = (event) => each(JSON.parse(event.data), event);
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  addEventListener("pagehide", () => source.close());
  return () => source.close();
}

/** Makes an element: el("p", {class: "x"}, "text", child). Text is never HTML. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** The page's own data: <script type="application/json" id="...">. */
export function data(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

document.addEventListener("click", (event) => {
  const open = document.querySelector("details.me[open]");
  if (open && !open.contains(event.target)) open.open = false;
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

// The other tab signed in again: this page goes on with the new session's token.
addEventListener("message", (event) => {
  if (event.origin === location.origin && event.data?.csrf) {
    body.dataset.csrf = event.data.csrf;
    document.getElementById("signin-again").close();
  }
});
