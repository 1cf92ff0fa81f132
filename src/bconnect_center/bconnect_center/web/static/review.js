// Deciding by one key: claims, the undo window, dialogs that lose nothing that was typed.
import { call, data, toast } from "./base.js";

const get = (id) => document.getElementById(id);
const page = get("case-data") ? data("case-data") : null;
const path = page ? `/api/review/${page.number}` : "";
const KEYS = "bconnect-review-keys";
const AGAIN = 60_000; // ms between two signs of life

// -- undo -----------------------------------------------------------------------------------

const undo = get("undo");
async function takeBack() {
  try {
    const answer = await call(`/api/review/decisions/${undo.dataset.id}/undo`, { method: "POST" });
    location.href = answer.next + (page?.query ?? "");
  } catch (error) {
    if (error.status !== 401) { toast(error.message, true); undo.remove(); }
  }
}
if (undo) {
  get("undo-button").addEventListener("click", takeBack);
  const due = performance.now() + Number(undo.dataset.left) * 1000;
  const count = () => {
    const left = Math.ceil((due - performance.now()) / 1000);
    get("undo-left").textContent = left > 0 && left < 999 ? `${left}` : "";
    if (left <= 0) { undo.remove(); clearInterval(ticking); }
  };
  const ticking = setInterval(count, 500);
  count();
}

// -- a decision -----------------------------------------------------------------------------

let busy = false;
function say(id, text) {
  const box = get(id);
  box.textContent = text;
  box.hidden = !text;
}
async function decide(said, faultId) {
  if (busy) return;
  busy = true;
  say(faultId, "");
  try {
    const answer = await call(`${path}/decision${page.query}`, { method: "POST", json: said });
    location.href = answer.next;
  } catch (error) {
    busy = false; // nothing typed is lost: the dialog stays as it is
    if (error.status !== 401) say(faultId, error.message);
  }
}
function usable(id) {
  const button = get(id);
  return button && !button.disabled;
}
function confirm_() {
  if (!usable("confirm")) return;
  if (page.warnings) open_("sure-dialog", "confirm-sure");
  else decide({ verdict: "confirm" }, "decision-fault");
}
function open_(id, focus) {
  const dialog = get(id);
  if (!dialog.open) dialog.showModal();
  if (focus) get(focus)?.focus();
}
function reject() {
  if (!usable("reject")) return;
  open_("reject-dialog");
  document.querySelector("#reject-form input[name=reason]:checked").focus();
}
function rejectNow() {
  const form = get("reject-form");
  const key = form.reason.value;
  if (key === "0" && !form.note.value.trim()) { form.note.focus(); return; }
  decide({ verdict: "reject", reason: key, note: form.note.value }, "reject-fault");
}

if (page) {
  get("confirm")?.addEventListener("click", confirm_);
  get("reject")?.addEventListener("click", reject);
  get("withdraw")?.addEventListener("click", () => open_("withdraw-dialog", "withdraw-note"));
  get("help-button").addEventListener("click", () => open_("help-dialog"));
  get("confirm-sure").addEventListener("click", () => sure());
  get("reject-form").addEventListener("submit", (event) => { event.preventDefault(); rejectNow(); });
  get("withdraw-form").addEventListener("submit", (event) => {
    event.preventDefault();
    decide({ verdict: "withdraw", note: event.target.note.value }, "withdraw-fault");
  });
}
function sure() {
  get("sure-dialog").close();
  decide({ verdict: "confirm", sure: true }, "decision-fault");
}

// -- keys -----------------------------------------------------------------------------------

const keysOn = get("keys-on");
if (keysOn) {
  keysOn.checked = localStorage.getItem(KEYS) !== "off";
  keysOn.addEventListener("change", () => localStorage.setItem(KEYS, keysOn.checked ? "on" : "off"));
}
const typing = (target) => target.matches?.("textarea, input:not([type=radio], [type=checkbox], [type=range]), select");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const open = document.querySelector("dialog[open]");
  const key = event.key.toLowerCase();
  if (open?.id === "reject-dialog" && event.key === "Enter" && event.target.matches("textarea")) {
    event.preventDefault();
    rejectNow();
    return;
  }
  if (typing(event.target) || (keysOn && !keysOn.checked)) return;
  if (open) return inDialog(open, key, event);
  const acts = { c: confirm_, r: reject, u: () => undo?.isConnected && takeBack(), "?": () => page && open_("help-dialog"),
    s: () => get("skip")?.click() };
  if (acts[key]) { event.preventDefault(); acts[key](); }
  else if (key === "enter" && !page && event.target === document.body) get("start")?.click();
});
function inDialog(open, key, event) {
  if (open.id === "sure-dialog" && key === "c") { event.preventDefault(); sure(); }
  if (open.id !== "reject-dialog" || !/^[0-9]$/.test(key)) return;
  event.preventDefault();
  get("reject-form").reason.value = key;
  if (key === "0") get("reject-note").focus();
  else rejectNow();
}

// -- while the case is open -----------------------------------------------------------------

if (page) {
  const began = performance.now() - page.seconds * 1000;
  const show = () => {
    const s = Math.floor((performance.now() - began) / 1000);
    get("timer").textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  };
  show();
  setInterval(show, 1000);
}
if (page?.pending && page.mine) {
  setInterval(() => {
    if (document.visibilityState === "visible") call(`${path}/claim`, { method: "POST" }).catch(() => {});
  }, AGAIN);
  // The next case's pictures come while this one is looked at.
  const ahead = async () => {
    const next = await call(`${path}/ahead${page.query}`, { method: "POST" }).catch(() => null);
    for (const digest of next?.files ?? []) new Image().src = `/api/review/${next.number}/files/${digest}`;
  };
  addEventListener("load", () => setTimeout(ahead, 400));
}
