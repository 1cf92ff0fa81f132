// The feed: new lines on top, filtered here, held back while paused.
import { call, data, el, follow, toast } from "./base.js";

const start = data("start");
const rows = document.getElementById("lines");
const form = document.getElementById("filter");
const pause = document.getElementById("pause");
const held = document.getElementById("held");
const heldButton = document.getElementById("show-held");
const state = document.getElementById("line-state");
const older = document.getElementById("older");
const MOST = 500;
let waiting = [];
let paused = false;

function row(item) {
  const when = el("td", { class: "num" }, item.at, item.clock ? el("span", { class: "tag warn" }, item.clock) : null);
  const what = item.case ? el("a", { href: item.case }, item.text) : item.text;
  return el("tr", { "data-line": item.line, "data-kind": item.kind, "data-site": item.site, "data-type": item.type },
    when, el("td", {}, item.place), el("td", {}, el("span", { class: `tag kind-${item.kind}` }, item.word)), el("td", {}, what));
}

const chosen = () => Object.fromEntries(new FormData(form));

function fits(tr, wanted) {
  return ["site", "kind", "type"].every((name) => !wanted[name] || tr.dataset[name] === wanted[name]);
}

function add(item) {
  if (rows.querySelector(`[data-line="${item.line}"]`)) return;
  const tr = row(item);
  tr.hidden = !fits(tr, chosen());
  tr.classList.add("fresh");
  rows.prepend(tr);
  while (rows.children.length > MOST) rows.lastElementChild.remove();
  document.getElementById("nothing").hidden = true;
}

function showHeld() {
  waiting.forEach(add);
  waiting = [];
  held.hidden = true;
}

function setPaused(on) {
  paused = on;
  pause.setAttribute("aria-pressed", on);
  pause.textContent = on ? start.words.go : start.words.pause;
  if (!on) showHeld();
}

pause.addEventListener("click", () => setPaused(!paused));
heldButton.addEventListener("click", showHeld);

async function load(before) {
  const wanted = chosen();
  const query = new URLSearchParams(before ? { before } : {});
  for (const [name, value] of Object.entries(wanted)) if (value) query.set(name, value);
  try {
    const items = await call(`/api/feed?${query}`);
    for (const item of items) if (!rows.querySelector(`[data-line="${item.line}"]`)) rows.append(row(item));
    older.hidden = items.length === 0;
  } catch (error) {
    toast(error.message, true);
  }
}

form.addEventListener("change", async () => {
  rows.replaceChildren();
  await load();
  document.getElementById("nothing").hidden = rows.children.length > 0;
});
form.addEventListener("submit", (event) => event.preventDefault());
older.addEventListener("click", () => load(rows.lastElementChild?.dataset.line));

follow(`/api/feed/stream?after=${start.last}`, (item) => {
  if (!paused) return add(item);
  waiting.push(item);
  waiting = waiting.slice(-MOST);
  heldButton.textContent = start.words.held.replace("{n}", waiting.length);
  held.hidden = false;
}, (on) => {
  state.textContent = on ? start.words.live : start.words.lost;
  state.className = on ? "tag good" : "tag bad";
});
