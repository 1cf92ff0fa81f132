// The wall: one stream carries every visible tile; nothing is sent for what nobody sees.
import { data, follow } from "./base.js";

const start = data("start");
const words = start.words;
const wall = document.getElementById("wall");
const tiles = new Map([...wall.querySelectorAll(".tile")].map((tile) => [tile.dataset.camera, tile]));
const boxes = [...document.querySelectorAll(".cameras input")];
const line = document.getElementById("line-state");
const HEAD = 14;
const NOBODY = 65535;
const SILENCE = 9000; // ms without any sign of life
const visible = new Set();
let asked = "";
let stop = null;
let later = 0;

const remembered = (name, otherwise) => {
  try { return JSON.parse(localStorage.getItem(`wall.${name}`)) ?? otherwise; } catch { return otherwise; }
};
const remember = (name, value) => localStorage.setItem(`wall.${name}`, JSON.stringify(value));

// -- which tiles, and how large ---------------------------------------------------------------

function choose(cameras) {
  const chosen = new Set(cameras);
  for (const box of boxes) box.checked = chosen.has(box.value);
  for (const [name, tile] of tiles) tile.hidden = !chosen.has(name);
  document.getElementById("count").textContent = `${[...tiles.values()].filter((t) => !t.hidden).length}/${tiles.size}`;
}

function size(name) {
  wall.className = `wall ${name}`;
  for (const chip of document.querySelectorAll("[data-size]")) chip.setAttribute("aria-pressed", chip.dataset.size === name);
  remember("size", name);
}

const everyone = [...tiles.keys()];
const hiddenOnes = () => boxes.filter((box) => !box.checked).map((box) => box.value);
choose(start.chosen.length ? start.chosen : everyone.filter((name) => !remembered("hidden", []).includes(name)));
size(start.chosen.length === 1 ? "large" : remembered("size", "medium"));
for (const chip of document.querySelectorAll("[data-size]")) chip.addEventListener("click", () => size(chip.dataset.size));
document.querySelector(".cameras").addEventListener("change", () => {
  choose(boxes.filter((box) => box.checked).map((box) => box.value));
  remember("hidden", hiddenOnes());
});
document.getElementById("all").addEventListener("click", () => { choose(everyone); remember("hidden", []); });
document.getElementById("none").addEventListener("click", () => { choose([]); remember("hidden", everyone); });

const full = (element) => (document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen());
document.getElementById("whole").addEventListener("click", () => full(wall));
wall.addEventListener("click", (event) => {
  const tile = event.target.closest("[data-full]")?.closest(".tile");
  if (tile) full(tile);
});

// -- pictures ---------------------------------------------------------------------------------

async function paint(name, bytes) {
  const tile = tiles.get(name);
  const message = tile.querySelector(".message");
  if (!bytes.length) {
    message.textContent = words.away;
    return;
  }
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  const canvas = tile.querySelector("canvas");
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  message.textContent = "";
  tile.dataset.pictures = Number(tile.dataset.pictures ?? 0) + 1;
}

async function read(names, signal, alive) {
  const query = new URLSearchParams(names.map((name) => ["camera", name]));
  const answer = await fetch(`/api/wall/stream?${query}`, { signal });
  if (answer.status === 401) document.getElementById("signin-again").showModal();
  if (!answer.ok) throw new Error(answer.status);
  const reader = answer.body.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    while (held.length >= HEAD) {
      const view = new DataView(held.buffer, held.byteOffset);
      const number = view.getUint16(0);
      const length = view.getUint32(10);
      if (held.length < HEAD + length) break;
      if (number !== NOBODY && names[number]) paint(names[number], held.slice(HEAD, HEAD + length)).catch(() => {});
      held = held.slice(HEAD + length);
    }
  }
}

function watch() {
  const names = document.hidden ? [] : everyone.filter((name) => visible.has(name));
  if (names.join() === asked) return;
  asked = names.join();
  stop?.();
  stop = null;
  if (!names.length) return;
  const abort = new AbortController();
  let silence = 0;
  const alive = () => {
    clearTimeout(silence);
    silence = setTimeout(() => abort.abort(), SILENCE);
  };
  stop = () => { clearTimeout(silence); abort.abort(); };
  alive();
  read(names, abort.signal, alive).catch(() => {}).finally(() => {
    clearTimeout(silence);
    if (asked !== names.join()) return;
    asked = "";
    setTimeout(watch, 2000);
  });
}

function soon() {
  clearTimeout(later);
  later = setTimeout(watch, 250);
}

const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) visible.add(entry.target.dataset.camera);
    else visible.delete(entry.target.dataset.camera);
  }
  soon();
}, { rootMargin: "80px" });
for (const tile of tiles.values()) observer.observe(tile);
document.addEventListener("visibilitychange", soon);
addEventListener("pagehide", () => { asked = ""; stop?.(); stop = null; });
addEventListener("pageshow", soon);

// -- states -----------------------------------------------------------------------------------

follow("/api/live/stream", (state) => {
  const tile = state.kind === "camera" && tiles.get(`${state.site}/${state.name}`);
  if (!tile) return;
  const place = tile.querySelector(".state");
  place.className = `state ${state.tone}`;
  place.lastElementChild.textContent = state.word;
}, (on) => {
  line.textContent = on ? words.live : words.lost;
  line.className = on ? "tag good" : "tag bad";
});
