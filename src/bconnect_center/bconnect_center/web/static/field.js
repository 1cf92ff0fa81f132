// Tow board and stickers: an officer's word, and a board that follows what others say.
import { call, toast } from "./base.js";

const get = (id) => document.getElementById(id);
const dialog = get("act-dialog"), form = get("act-form");
const LOOK = 5000; // ms between two looks
const FIELDS = ["truck", "yard", "detail"];
let said = null; // the button whose dialog is open

async function send(button, more) {
  const { url, site, revision, status } = button.dataset;
  button.disabled = true;
  try {
    await call(url, { method: "POST", json: { site, revision: Number(revision), status, ...more } });
    dialog.close();
    await redraw();
  } catch (error) {
    if (error.status === 401) return;
    const fault = get("act-fault");
    if (dialog.open) {
      fault.textContent = error.message;
      fault.hidden = false;
    } else {
      toast(error.message, true);
      await redraw();
    }
  } finally {
    button.disabled = false;
  }
}

function ask(button) {
  const asks = button.dataset.asks.split(" "), needs = button.dataset.needs.split(" ");
  said = button;
  get("act-title").textContent = button.textContent;
  get("act-what").textContent = button.closest("article").querySelector(".sight").innerText.replace("\n", ", ");
  get("act-fault").hidden = true;
  for (const name of FIELDS) {
    const label = form.querySelector(`[data-field=${name}]`), input = label.querySelector("input");
    label.hidden = !asks.includes(name);
    label.querySelector(".need").hidden = !needs.includes(name);
    input.required = needs.includes(name);
    input.value = button.dataset[name] ?? "";
  }
  get("trucks").replaceChildren(...(button.dataset.trucks ?? "").split("|").filter(Boolean).map((t) => new Option(t)));
  dialog.showModal();
  form.querySelector("label:not([hidden]) input")?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.act");
  if (!button) return;
  if (button.dataset.asks) ask(button);
  else send(button, {});
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const more = {};
  for (const name of FIELDS) if (!form.querySelector(`[data-field=${name}]`).hidden) more[name] = form[name].value;
  send(said, more);
});

// -- what others say ------------------------------------------------------------------------

const shape = (jobs) => jobs.map((job) => `${job.id}:${job.revision}`).join();
let known = null;
async function redraw() {
  const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("board");
  if (!fresh) return;
  const focused = document.activeElement?.closest("article")?.dataset.id;
  get("board").replaceWith(fresh);
  if (focused) fresh.querySelector(`article[data-id="${CSS.escape(focused)}"] button`)?.focus();
  known = null;
}
async function look() {
  if (document.visibilityState !== "visible" || dialog.open) return;
  try {
    const now = shape(await call(get("board").dataset.follow));
    if (known !== null && known !== now) {
      toast(get("board").dataset.news);
      await redraw();
    }
    known = now;
  } catch { /* the next look may do */ }
}
look();
setInterval(look, LOOK);
