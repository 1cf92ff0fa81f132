// The large picture: stills, the clip picture by picture, the rule's drawing, zoom.
import { call, data } from "./base.js";

const get = (id) => document.getElementById(id);
const page = data("case-data");
const path = `/api/review/${page.number}`;
const big = get("big"), stage = get("stage"), drawing = get("drawing");
const KEPT = 80; // pictures of the clip held in this page
const ZOOMS = [1, 2, 4];
let clip = null, at = 0, zoom = 1, showsClip = false, playing = 0;
const held = new Map(); // number: image, the oldest first

// -- stills and clip ------------------------------------------------------------------------

const views = [...document.querySelectorAll(".view")];
function press(button) {
  for (const one of views) one.setAttribute("aria-pressed", String(one === button));
}
function show(button) {
  press(button);
  big.alt = button.dataset.alt;
  showsClip = button.id === "clip-view";
  if (get("scrubber")) get("scrubber").hidden = !showsClip;
  stop();
  overlay();
  if (showsClip) openClip();
  else big.src = button.dataset.src;
}
for (const button of views) button.addEventListener("click", () => show(button));

async function openClip() {
  try {
    clip ??= await call(`${path}/clip`);
  } catch (error) {
    if (error.status === 401) return;
    const fault = get("clip-fault");
    fault.textContent = `${fault.dataset.word}: ${error.message}`;
    fault.hidden = false;
    get("scrubber").hidden = true;
    if (views.length > 1) show(views[0]);
    return;
  }
  get("frame").max = clip.times.length - 1;
  step(at || clip.moment, true);
}
function image(number) {
  let one = held.get(number);
  if (!one) {
    one = new Image();
    one.src = `${path}/frames/${number}`;
    held.set(number, one);
    while (held.size > KEPT) held.delete(held.keys().next().value);
  }
  return one;
}
function step(number, exact = false) {
  if (!clip || (!exact && !showsClip)) return;
  at = Math.min(Math.max(number, 0), clip.times.length - 1);
  const one = image(at), wanted = at;
  const put = () => { if (at === wanted && showsClip) { big.src = one.src; big.dataset.frame = wanted; } };
  if (one.complete && one.naturalWidth) put();
  else one.addEventListener("load", put, { once: true });
  for (const near of [at + 1, at - 1, at + 2]) if (near >= 0 && near < clip.times.length) image(near);
  get("frame").value = at;
  const t = clip.times[at];
  const told = `${t < 0 ? "−" : "+"}${Math.abs(t).toFixed(2)} s`;
  get("where").textContent = `${at + 1}/${clip.times.length}  ${told}`;
  get("frame").setAttribute("aria-valuetext", `${at + 1}/${clip.times.length}, ${told}`);
}
function stop() {
  clearTimeout(playing);
  playing = 0;
}
function play() {
  if (playing) return stop();
  if (!clip) return;
  if (at >= clip.times.length - 1) step(0);
  const next = () => {
    if (at >= clip.times.length - 1) return stop();
    const wait = (clip.times[at + 1] - clip.times[at]) * 1000;
    playing = setTimeout(() => { step(at + 1); if (playing) next(); }, wait);
  };
  next();
}
const toClip = get("clip-view");
function inClip(act) {
  if (!toClip) return;
  stop();
  if (showsClip && clip) act();
  else if (!showsClip) show(toClip);
}
get("previous")?.addEventListener("click", () => step(at - 1));
get("next")?.addEventListener("click", () => step(at + 1));
get("play")?.addEventListener("click", play);
get("to-moment")?.addEventListener("click", () => clip && step(clip.moment));
get("frame")?.addEventListener("input", (event) => { stop(); step(Number(event.target.value)); });

// -- drawing and zoom -----------------------------------------------------------------------

let drawn = false;
const drawButton = get("draw-over");
function overlay() {
  const still = views.find((v) => v.getAttribute("aria-pressed") === "true");
  const plain = showsClip || (still && still !== views[0]) || !document.querySelector(".view[data-src]");
  if (!drawButton) return;
  drawButton.hidden = !plain;
  drawing.toggleAttribute("hidden", !(drawn && plain));
}
function draw() {
  if (!drawButton) return;
  drawn = !drawn;
  drawButton.setAttribute("aria-pressed", String(drawn));
  overlay();
}
drawButton?.addEventListener("click", draw);

function size() {
  if (!big) return;
  stage.classList.toggle("zoomed", zoom > 1);
  big.style.width = zoom > 1 ? `${big.naturalWidth * zoom * 0.5}px` : "";
  get("zoom").setAttribute("aria-pressed", String(zoom > 1));
  get("zoom-by").textContent = `${zoom}×`;
}
function zoomBy(next, x = 0.5, y = 0.5) {
  zoom = next;
  size();
  stage.scrollLeft = x * stage.scrollWidth - stage.clientWidth / 2;
  stage.scrollTop = y * stage.scrollHeight - stage.clientHeight / 2;
}
function zoomOn() {
  zoomBy(ZOOMS[(ZOOMS.indexOf(zoom) + 1) % ZOOMS.length], ...focusOf());
}
function focusOf() {
  const box = drawing?.querySelector(".box");
  if (!box) return [0.5, 0.5];
  const value = (name) => Number(box.getAttribute(name)) / 1000;
  return [value("x") + value("width") / 2, value("y") + value("height") / 2];
}
get("zoom")?.addEventListener("click", zoomOn);
big?.addEventListener("load", size);
stage?.addEventListener("dblclick", (event) => {
  const box = big.getBoundingClientRect();
  zoomBy(zoom > 1 ? 1 : 2, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});
let drag = null;
stage?.addEventListener("pointerdown", (event) => {
  if (zoom > 1 && event.pointerType === "mouse") {
    drag = { x: event.clientX + stage.scrollLeft, y: event.clientY + stage.scrollTop };
    event.preventDefault();
    stage.focus();
  }
});
addEventListener("pointermove", (event) => {
  if (!drag) return;
  stage.scrollLeft = drag.x - event.clientX;
  stage.scrollTop = drag.y - event.clientY;
});
addEventListener("pointerup", () => { drag = null; });

// -- keys -----------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches?.("textarea, select, input:not([type=range])") || get("keys-on")?.checked === false) return;
  const acts = {
    ",": () => inClip(() => step(at - 1)),
    ".": () => inClip(() => step(at + 1)),
    m: () => inClip(() => step(clip.moment)),
    p: () => (showsClip ? play() : inClip(() => {})),
    d: draw,
    z: zoomOn,
  };
  const key = event.key.toLowerCase();
  if (/^[1-9]$/.test(key) && views[Number(key) - 1]) show(views[Number(key) - 1]);
  else if (acts[key]) acts[key]();
  else return;
  event.preventDefault();
});
if (views.length && views[0] === toClip) show(toClip);
overlay();
