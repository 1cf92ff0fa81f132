// The map: drawn even without tiles; the list beside it says the same.
import { call, data, el, follow } from "./base.js";

const start = data("start");
const words = start.words;
const states = new Map(Object.entries(start.states));
const pins = new Map();
const detail = document.getElementById("detail");
const line = document.getElementById("line-state");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let open = null;

const key = (site, kind, name) => `${site}/${kind}/${name}`;

function shape(tone, word) {
  return el("span", { class: `state ${tone}` }, el("span", { class: "shape", "aria-hidden": "true" }), el("span", {}, word));
}

function pin(kind, site, thing) {
  const state = states.get(key(site, kind, thing.name));
  const label = thing.shown ?? thing.name.replaceAll("_", " ");
  // For the pointer; the keyboard has the list, where nothing overlaps.
  const button = el("button", { type: "button", tabindex: -1, title: label, "aria-label": `${label}: ${state?.word ?? ""}`, onclick: () => show(site, kind, thing.name) },
    el("span", { class: `shape ${state?.tone ?? "gone"}`, "aria-hidden": "true" }));
  return el("div", { class: `pin ${kind}${thing.exact === false ? " sketched" : ""}` }, button, el("span", { class: "name", "aria-hidden": "true" }, label));
}

let map = null;
function marker(kind, site, thing) {
  const node = pin(kind, site, thing);
  const icon = L.divIcon({ html: node, className: "", iconSize: [0, 0], iconAnchor: [0, 0] });
  const made = L.marker([thing.latitude, thing.longitude], { icon, keyboard: false, zIndexOffset: kind === "vehicle" ? 1000 : 0 }).addTo(map);
  pins.set(key(site, kind, thing.name), { marker: made, node });
}

function draw() {
  if (!window.L) {
    document.getElementById("map").hidden = true;
    return;
  }
  map = L.map("map", { zoomControl: false, attributionControl: Boolean(start.tiles), zoomAnimation: !calm, fadeAnimation: !calm, maxZoom: start.tiles ? 19 : 21, minZoom: 3, zoomSnap: 0.5 });
  L.control.zoom({ zoomInTitle: words.zoom_in, zoomOutTitle: words.zoom_out }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  if (start.tiles) L.tileLayer(start.tiles, { maxZoom: 19 }).addTo(map);
  else drawn().addTo(map);
  const all = [];
  for (const site of start.sites) {
    const road = site.cameras.map((c) => [c.latitude, c.longitude]);
    if (road.length > 1) L.polyline(road, { className: "road", weight: 10, opacity: 0.35, interactive: false }).addTo(map);
    for (const camera of site.cameras) marker("camera", site.site, camera);
    for (const speaker of site.speakers) marker("speaker", site.site, speaker);
    all.push(...road);
  }
  for (const state of states.values()) if (state.kind === "vehicle") move(state, all);
  map.on("zoomend moveend resize", declutter);
  if (all.length) map.fitBounds(all, { padding: [60, 60], maxZoom: start.tiles ? 18 : 20, animate: false });
  else map.setView([-1.25, 116.85], 11);
  declutter();
}

// Names that would cover one another are seen by pointing, and in the list.
function declutter() {
  const taken = [...pins.values()].map(({ node }) => [node, node.querySelector("button").getBoundingClientRect()]);
  const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  for (const { node } of pins.values()) {
    const name = node.querySelector(".name").getBoundingClientRect();
    const crowded = taken.some(([owner, box]) => owner !== node && meets(name, box));
    node.classList.toggle("crowded", crowded);
    if (!crowded) taken.push([node, name]);
  }
}

// A plain ground that moves with the map, where there are no tiles.
function drawn() {
  const grid = L.gridLayer({ tileSize: 128 });
  grid.createTile = () => el("div", { class: "gridded" });
  return grid;
}

function move(state, all = null) {
  if (!map || state.latitude == null || state.longitude == null) return;
  const at = [state.latitude, state.longitude];
  const pinned = pins.get(key(state.site, "vehicle", state.name));
  if (pinned) pinned.marker.setLatLng(at);
  else marker("vehicle", state.site, { name: state.name, shown: state.shown, latitude: at[0], longitude: at[1] });
  all?.push(at);
}

function paint(state) {
  states.set(key(state.site, state.kind, state.name), state);
  if (state.kind === "vehicle") move(state);
  if (state.kind === "clock") {
    document.querySelector(`[data-clock="${state.site}"]`)?.replaceChildren(...(state.clock ? [el("span", { class: "tag warn" }, state.clock)] : []));
    return;
  }
  if (state.kind === "site") {
    const text = state.tone === "gone" ? `${words.silent} ${words.since} ${state.since}` : words.heard;
    const place = document.querySelector(`[data-site-state="${state.site}"]`);
    if (place) {
      place.className = `state ${state.tone === "gone" ? "gone" : "good"}`;
      place.lastElementChild.textContent = text;
    }
    return;
  }
  if (state.kind === "node" || state.kind === "process") return troubles(state.site);
  const pinned = pins.get(key(state.site, state.kind, state.name));
  if (pinned) {
    pinned.node.querySelector(".shape").className = `shape ${state.tone}`;
    pinned.node.querySelector("button").setAttribute("aria-label", `${state.shown}: ${state.word}`);
  }
  const listed = document.querySelector(`.things button[data-site="${state.site}"][data-kind="${state.kind}"][data-name="${state.name}"] [data-state]`);
  if (listed) {
    listed.className = `state ${state.tone}`;
    listed.lastElementChild.textContent = state.word;
  }
  if (open === key(state.site, state.kind, state.name)) describe(state);
}

function troubles(site) {
  const found = [...states.values()].filter((s) => s.site === site && (s.kind === "node" || s.kind === "process") && (s.tone === "warn" || s.tone === "bad"));
  document.querySelector(`[data-troubles="${site}"]`)?.replaceChildren(...found.map((s) => el("li", { class: `state ${s.tone}` }, el("span", { class: "shape", "aria-hidden": "true" }), el("span", {}, `${s.shown}: ${s.detail || s.word}`))));
}

function describe(state) {
  const place = detail.querySelector("[data-described]");
  if (!place) return;
  place.replaceChildren(shape(state?.tone ?? "gone", state?.word ?? "…"));
  if (state) place.append(el("span", { class: "quiet" }, ` ${words.since} ${state.since}`));
  if (state?.detail) place.append(el("p", {}, state.detail));
  if (state?.phrase) place.append(el("p", { class: "quiet" }, state.phrase));
}

async function show(site, kind, name) {
  open = key(site, kind, name);
  for (const button of document.querySelectorAll(".things button")) {
    button.setAttribute("aria-current", button.dataset.site === site && button.dataset.kind === kind && button.dataset.name === name);
  }
  const state = states.get(open);
  const shown = state?.shown ?? name.replaceAll("_", " ");
  detail.hidden = false;
  detail.replaceChildren(
    el("div", { class: "row spread" }, el("h2", {}, shown), el("button", { class: "chip", onclick: () => { detail.hidden = true; open = null; } }, words.close)),
    el("div", { "data-described": true }));
  describe(state);
  detail.scrollIntoView({ block: "nearest" });
  const laid = start.sites.find((s) => s.site === site);
  if (kind === "camera") {
    if (laid?.cameras.find((c) => c.name === name)?.exact === false) detail.append(el("p", { class: "quiet small" }, words.sketched));
    const frame = el("div", {}, el("p", { class: "quiet" }, "…"));
    const list = el("ul", { class: "mini" });
    detail.append(frame, el("p", { class: "row" }, el("a", { class: "button plain", href: `/wall?camera=${site}/${name}` }, words.watch)), el("h3", {}, words.last), list);
    const mine = open;
    picture(site, name, shown, frame);
    try {
      const items = await call(`/api/live/${site}/${name}/last`);
      if (open !== mine) return;
      list.append(...items.map((item) => el("li", {}, el("span", { class: "quiet" }, `${item.at} `), item.case ? el("a", { href: item.case }, item.text) : item.text)));
      if (!items.length) list.append(el("li", { class: "quiet" }, words.nothing));
    } catch (error) {
      list.append(el("li", { class: "fault" }, error.message));
    }
  } else if (kind === "speaker" && document.querySelector('.menu a[href="/speak"]')) {
    detail.append(el("p", {}, el("a", { class: "button plain", href: `/speak?site=${site}&speaker=${name}` }, words.speak)));
  }
}

async function picture(site, name, shown, frame) {
  // By call, not by the image's own address: a camera that is away is one quiet sentence.
  const state = states.get(key(site, "site", site));
  if (!state || state.tone === "gone") return frame.replaceChildren(el("p", { class: "quiet" }, words.nopicture));
  try {
    const answer = await fetch(`/api/live/${site}/${name}/still`);
    if (answer.status !== 200) return frame.replaceChildren(el("p", { class: "quiet" }, words.nopicture));
    const url = URL.createObjectURL(await answer.blob());
    frame.replaceChildren(el("img", { src: url, alt: `${words.picture} ${shown}`, onload: () => URL.revokeObjectURL(url) }));
  } catch {
    frame.replaceChildren(el("p", { class: "quiet" }, words.nopicture));
  }
}

document.querySelector(".aside").addEventListener("click", (event) => {
  const button = event.target.closest(".things button");
  if (!button) return;
  const { site, kind, name } = button.dataset;
  const pinned = pins.get(key(site, kind, name));
  if (pinned) map.panTo(pinned.marker.getLatLng(), { animate: !calm });
  show(site, kind, name);
});

addEventListener("load", draw);
follow("/api/live/stream", paint, (on) => {
  line.textContent = on ? words.live : words.lost;
  line.className = on ? "tag good" : "tag bad";
});
