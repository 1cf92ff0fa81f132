// Draw: zones, signal heads and calibration points on a still, by mouse or by keyboard alone.

import { call, data, el, toast } from "./base.js";
import { original, showDiff, speaker, svg, points as path, thumbnail, when } from "./draw_parts.js";
import { arrow, beginning, crossing, middle, moved, place, round } from "./draw_shapes.js";
import { Drawing } from "./draw_state.js";
import { panels } from "./draw_panels.js";

const told = data("told");
const t = speaker(told.words);
const site = `/api/draw/sites/${encodeURIComponent(told.site)}`;
const base = `${site}/cameras/${encodeURIComponent(told.camera)}`;
const $ = (id) => document.getElementById(id);
const stage = $("stage"), still = $("still"), ink = $("ink"), handles = $("handles"), glass = $("glass");
const drawing = new Drawing(told);
const page = { told, t, drawing, checked: null, pen: null, size: [1920, Math.round(1920 / told.aspect)], picture: null, startDrawing, focusHandle, sha256: told.sha256 };
let zoom = 1, dirty = false, aspect = told.aspect;

// -- the picture -----------------------------------------------------------------------------

async function showStill(origin, says = true) {
  try {
    const answer = await fetch(`${base}/still?origin=${origin}`);
    if (!answer.ok) throw new Error((await answer.json()).detail);
    const url = URL.createObjectURL(await answer.blob());
    still.src = url;
    await still.decode();
    if (page.picture) URL.revokeObjectURL(page.picture);
    page.picture = url;
    page.size = [still.naturalWidth, still.naturalHeight];
    aspect = still.naturalWidth / still.naturalHeight;
    still.hidden = false;
    $("stillsays").textContent = t("still_of", { origin: t(`still_${origin}`), when: told.still.stamp && origin === "kept" ? when(told.still.stamp, told.language) : "" }).replace(/, $/, "");
    layout();
    drawing.tell("still");
    return true;
  } catch (error) {
    if (says) toast(error.message, true);
    return false;
  }
}

function stillButtons() {
  const upload = el("input", { type: "file", accept: "image/jpeg,image/png,image/webp", class: "visually-hidden", id: "upload", tabindex: "-1", "aria-hidden": "true" });
  upload.addEventListener("change", async () => {
    if (!upload.files.length) return;
    try {
      told.still = await call(`${base}/still`, { method: "POST", body: upload.files[0] });
      await showStill("kept");
      stillButtons();
    } catch (error) {
      toast(error.message, true);
    }
  });
  const button = (name, act) => el("button", { class: "chip", "data-still": name, onclick: act }, t(`still_${name}`));
  $("stills").replaceChildren(
    ...told.still.origins.filter((name) => name !== "source").map((name) => button(name, () => showStill(name))),
    ...(told.still.origins.includes("source") ? [button("source", takeStill)] : []),
    button("upload", () => upload.click()),
    upload,
  );
}

async function takeStill() {
  try {
    told.still = await call(`${base}/still/take`, { method: "POST" });
    $("stillsays").textContent = t("still_taking");
    await followStill();
  } catch (error) {
    toast(error.message, true);
  }
}

async function followStill() {
  while (told.still.state === "taking") {
    await new Promise((done) => setTimeout(done, 700));
    told.still = await call(`${base}/still/state`);
  }
  if (told.still.state === "failed") $("stillsays").textContent = told.still.sentence;
  else await showStill("kept");
  stillButtons();
}

function layout() {
  stage.style.width = `${zoom * 100}%`;
  stage.style.aspectRatio = String(aspect);
}

// -- ink -------------------------------------------------------------------------------------

function shapes() {
  const made = drawing.zones.map((zone, index) => ({ what: "zone", index, pen: zone.kind, name: zone.name, closed: !!zone.region, list: zone.region ?? zone.line ?? [], arrow: zone.direction }));
  drawing.signals.forEach((signal, index) => {
    if (signal.mine && signal.region.length) made.push({ what: "signal", index, pen: "signal", name: signal.name, closed: true, list: signal.region });
  });
  return made;
}

function paint() {
  const chosen = drawing.chosen;
  const parts = [];
  const grid = drawing.mode === "marks" ? (page.checked?.fit ?? (drawing.marks ? null : told.calibration)) : null;
  for (const line of grid?.grid ?? []) parts.push(svg("polyline", { class: "grid", points: path(line) }));
  if (grid?.region?.length) parts.push(svg("polygon", { class: "rubber", points: path(grid.region) }));
  for (const shape of shapes()) {
    const wrong = shape.closed && crossing(shape.list);
    const mine = chosen?.what === shape.what && chosen.index === shape.index;
    const group = svg("g", { class: `pen-${shape.pen} ${mine ? "chosen" : ""} ${wrong ? "wrong" : ""}`, "data-zone": shape.name });
    const tag = shape.closed ? "polygon" : "polyline";
    if (shape.closed) group.append(svg("polygon", { class: "area", points: path(shape.list) }));
    group.append(svg(tag, { class: "halo", points: path(shape.list) }), svg(tag, { class: "line", points: path(shape.list) }));
    if (!shape.closed) group.append(svg("polyline", { class: "hit", points: path(shape.list) }));
    if (shape.arrow?.length === 2) group.append(...arrowInk(shape.arrow));
    group.addEventListener("click", (event) => {
      if (page.pen || drawing.mode === "marks") return;
      event.stopPropagation();
      drawing.choose(shape.what, shape.index);
    });
    parts.push(group);
  }
  if (page.pen?.list.length) parts.push(svg("polyline", { class: "rubber", points: path([...page.pen.list, ...(page.pen.at ? [page.pen.at] : [])]) }));
  ink.replaceChildren(...parts);
  paintHandles();
}

function arrowInk([a, b]) {
  const dx = (b[0] - a[0]) * aspect, dy = b[1] - a[1], length = Math.hypot(dx, dy) || 1;
  const ux = dx / length, uy = dy / length, size = Math.min(0.035, length / 3);
  const wing = (turn) => [b[0] - (ux * size + turn * uy * size * 0.6) / aspect, b[1] - (uy * size - turn * ux * size * 0.6)];
  const lines = [path([a, b]), path([wing(1), b, wing(-1)])];
  return [...lines.map((p) => svg("polyline", { class: "halo", points: p })), ...lines.map((p) => svg("polyline", { class: "line", points: p }))];
}

const turn = ([a, b]) => Math.atan2(b[1] - a[1], (b[0] - a[0]) * aspect) || 0.001;

/** The handles of what is chosen: {id, at, kind, label}. */
function wanted() {
  const made = [];
  const label = (shape, part, at) => t("handle", { shape, part, x: at[0].toFixed(3), y: at[1].toFixed(3) });
  if (drawing.mode === "marks") {
    (drawing.marks ?? told.calibration?.marks ?? []).forEach((mark, n) => {
      if (drawing.marks) made.push({ id: `mark.${n}`, at: mark.image, kind: "mark", text: n + 1, label: label(t("calibration"), t("mark", { n: n + 1 }), mark.image) });
    });
    return made;
  }
  const shape = drawing.shape();
  if (!shape) return made;
  const list = shape.region?.length ? shape.region : (shape.line ?? []);
  list.forEach((at, n) => made.push({ id: `point.${n}`, at, kind: "point", text: n + 1, label: label(shape.name, t("point", { n: n + 1 }), at) }));
  if (list.length > 1) made.push({ id: "body", at: middle(list), kind: "body", text: "✥", label: label(shape.name, t("whole"), middle(list)) });
  (shape.direction ?? []).forEach((at, n) => made.push({ id: `arrow.${n}`, at, kind: "arrow", text: n ? "➤" : "●", turn: n ? turn(shape.direction) : 0, label: label(shape.name, t(n ? "arrow_to" : "arrow_from"), at) }));
  return made;
}

function paintHandles() {
  const list = wanted();
  const known = new Map([...handles.children].map((node) => [node.dataset.id, node]));
  for (const one of list) {
    let node = known.get(one.id);
    known.delete(one.id);
    if (!node) {
      node = el("button", { type: "button", "data-id": one.id });
      hold(node);
      handles.append(node);
    }
    node.className = `handle ${one.kind}`;
    node.textContent = one.text;
    node.setAttribute("aria-label", one.label);
    node.style.rotate = one.turn ? `${one.turn}rad` : "";
    node.style.left = `${one.at[0] * 100}%`;
    node.style.top = `${one.at[1] * 100}%`;
  }
  for (const node of known.values()) node.remove();
}

function focusHandle(id) {
  handles.querySelector(`[data-id="${id}"]`)?.focus();
}

// -- moving ----------------------------------------------------------------------------------

/** Sets where a handle is; `by`: how far from where it was. */
function put(id, at, by, tag) {
  const [kind, n] = id.split(".");
  drawing.change(() => {
    if (kind === "mark") drawing.marks[n].image = at;
    const shape = drawing.shape();
    if (kind === "point") (shape.region?.length ? shape.region : shape.line)[n] = at;
    if (kind === "arrow") shape.direction[n] = at;
    if (kind === "body") {
      const key = shape.region?.length ? "region" : "line";
      const before = shape[key];
      shape[key] = moved(before, by[0], by[1]);
      const dx = shape[key][0][0] - before[0][0], dy = shape[key][0][1] - before[0][1];
      if (shape.direction) shape.direction = moved(shape.direction, dx, dy);
    }
  }, tag, "moved");
}

function whereIs(id) {
  return wanted().find((one) => one.id === id)?.at;
}

function snapped(at, id) {
  if (!$("snap").checked) return at;
  const box = stage.getBoundingClientRect();
  let best = null, least = 10;
  const look = (p, own) => {
    if (own) return;
    const d = Math.hypot((p[0] - at[0]) * box.width, (p[1] - at[1]) * box.height);
    if (d < least) [best, least] = [p, d];
  };
  const chosen = drawing.chosen;
  for (const shape of shapes()) {
    const mine = chosen?.what === shape.what && chosen.index === shape.index;
    shape.list.forEach((p, n) => look(p, mine && id === `point.${n}`));
  }
  if (best) return [...best];
  const edge = (v, length) => (v * length < 8 ? 0 : (1 - v) * length < 8 ? 1 : v);
  return [edge(at[0], box.width), edge(at[1], box.height)];
}

function fromEvent(event) {
  const box = stage.getBoundingClientRect();
  return place((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
}

let drags = 0;
function hold(node) {
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    node.focus();
    const id = node.dataset.id, tag = `drag ${++drags}`;
    let last = fromEvent(event);
    const start = whereIs(id), off = [last[0] - start[0], last[1] - start[1]];
    node.setPointerCapture(event.pointerId);
    const move = (e) => {
      const at = fromEvent(e);
      const by = [at[0] - last[0], at[1] - last[1]];
      if (!by[0] && !by[1]) return;
      const free = place(at[0] - off[0], at[1] - off[1]);
      put(id, id === "body" ? free : e.altKey ? free : place(...snapped(free, id)), by, tag);
      last = at;
      look(whereIs(id));
    };
    const done = () => {
      node.removeEventListener("pointermove", move);
      drawing.pause();
      drawing.tell("settled");
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", done, { once: true });
    node.addEventListener("pointercancel", done, { once: true });
  });
  node.addEventListener("keydown", (event) => {
    const id = node.dataset.id, [kind, n] = id.split(".");
    const step = event.shiftKey ? 0.02 : event.altKey ? 0.0005 : 0.002;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (by) {
      event.preventDefault();
      const at = whereIs(id);
      put(id, place(at[0] + by[0], at[1] + by[1]), by, `keys ${id}`);
      look(whereIs(id));
      say(whereIs(id));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      removePoint(kind, Number(n));
    } else if (event.key === "Insert" || event.key === "+") {
      event.preventDefault();
      if (kind === "point") addPoint(Number(n));
    }
  });
  node.addEventListener("focus", () => look(whereIs(node.dataset.id)));
  node.addEventListener("blur", () => (glass.hidden = true));
}

let saying;
function say(at) {
  clearTimeout(saying);
  saying = setTimeout(() => ($("live").textContent = `x ${at[0].toFixed(3)}, y ${at[1].toFixed(3)}`), 300);
}

function addPoint(after) {
  const shape = drawing.shape();
  if (!shape?.region) return;
  const a = shape.region[after], b = shape.region[(after + 1) % shape.region.length];
  drawing.change(() => shape.region.splice(after + 1, 0, place((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)));
  focusHandle(`point.${after + 1}`);
}

function removePoint(kind, n) {
  const shape = drawing.shape();
  if (kind === "mark") drawing.change(() => drawing.marks.splice(n, 1));
  else if (kind === "arrow") drawing.change(() => delete shape.direction);
  else if (kind === "point" && shape.region?.length > 3) drawing.change(() => shape.region.splice(n, 1));
  else return;
  focusHandle(`${kind}.${Math.max(0, n - 1)}`);
}
Object.assign(page, { addPoint, removePoint });

// -- the loupe -------------------------------------------------------------------------------

function look(at) {
  if (!at || !$("loupe").checked || still.hidden) {
    glass.hidden = true;
    return;
  }
  glass.hidden = false;
  glass.classList.toggle("left", at[0] > 0.5);
  const paper = glass.getContext("2d"), size = glass.width, [w, h] = page.size;
  const span = w / zoom / 12, x = at[0] * w, y = at[1] * h;
  paper.fillStyle = "#222";
  paper.fillRect(0, 0, size, size);
  paper.drawImage(still, x - span / 2, y - span / 2, span, span, 0, 0, size, size);
  const to = (p) => [((p[0] * w - x) / span) * size + size / 2, ((p[1] * h - y) / span) * size + size / 2];
  paper.lineWidth = 2;
  paper.strokeStyle = "#ffd23f";
  for (const shape of shapes()) {
    paper.beginPath();
    shape.list.forEach((p, n) => paper[n ? "lineTo" : "moveTo"](...to(p)));
    if (shape.closed) paper.closePath();
    paper.stroke();
  }
  paper.strokeStyle = "#fff";
  paper.lineWidth = 1;
  paper.beginPath();
  paper.moveTo(size / 2, 0); paper.lineTo(size / 2, size);
  paper.moveTo(0, size / 2); paper.lineTo(size, size / 2);
  paper.stroke();
}

// -- drawing with the mouse ------------------------------------------------------------------

/** From now on clicks add points; `done(list)` gets them. `most`: points at most. */
function startDrawing(most, done) {
  page.pen = { list: [], most, done, at: null };
  stage.classList.add("drawing");
  $("hint").textContent = t("hint_drawing");
  $("live").textContent = t("hint_drawing");
  stage.scrollIntoView({ block: "nearest" });
  paint();
}

function endDrawing(keep) {
  const pen = page.pen;
  page.pen = null;
  stage.classList.remove("drawing");
  $("hint").textContent = t(drawing.mode === "marks" ? "hint_marks" : "hint");
  if (keep && pen.list.length >= Math.min(pen.most, 3)) pen.done(pen.list);
  paint();
}

stage.addEventListener("click", (event) => {
  if (event.target.closest(".handle")) return;
  const at = fromEvent(event);
  const pen = page.pen;
  if (pen) {
    const box = stage.getBoundingClientRect();
    const first = pen.list[0];
    if (pen.list.length >= 3 && Math.hypot((first[0] - at[0]) * box.width, (first[1] - at[1]) * box.height) < 12) return endDrawing(true);
    const last = pen.list.at(-1);
    if (last && Math.hypot((last[0] - at[0]) * box.width, (last[1] - at[1]) * box.height) < 4) return;
    pen.list.push(event.altKey ? at : place(...snapped(at, "")));
    if (pen.list.length === pen.most) return endDrawing(true);
    return paint();
  }
  if (drawing.mode === "marks" && drawing.marks) {
    drawing.change(() => drawing.marks.push({ image: at, ground: [NaN, NaN] }));
    focusHandle(`mark.${drawing.marks.length - 1}`);
  } else if (drawing.mode !== "marks") drawing.choose("zone", null);
});
stage.addEventListener("dblclick", () => page.pen && endDrawing(true));
stage.addEventListener("pointermove", (event) => {
  if (!page.pen) return;
  page.pen.at = fromEvent(event);
  look(page.pen.at);
  paint();
});
stage.addEventListener("pointerleave", () => (glass.hidden = true));
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  zoomTo(zoom * (event.deltaY < 0 ? 1.25 : 0.8));
}, { passive: false });

function zoomTo(value) {
  zoom = Math.min(6, Math.max(1, value));
  layout();
}
$("zoomin").addEventListener("click", () => zoomTo(zoom * 1.5));
$("zoomout").addEventListener("click", () => zoomTo(zoom / 1.5));
$("undo").addEventListener("click", () => drawing.undo());
$("redo").addEventListener("click", () => drawing.redo());
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && page.pen) return endDrawing(false);
  if (event.key === "Enter" && page.pen && !event.target.closest("button, a, input, select")) return endDrawing(true);
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    document.activeElement?.blur?.(); // a field that is being typed in counts
    if (!$("savebox").open) check().then(() => $("save").click());
    return;
  }
  if (!(event.ctrlKey || event.metaKey) || event.target.closest("input:not([type=checkbox]), textarea")) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) (event.preventDefault(), drawing.undo());
  if (key === "y" || (key === "z" && event.shiftKey)) (event.preventDefault(), drawing.redo());
});
for (const chip of document.querySelectorAll("[data-mode]")) {
  chip.addEventListener("click", () => {
    drawing.mode = chip.dataset.mode;
    drawing.chosen = null;
    $("room").classList.toggle("marks", drawing.mode === "marks");
    for (const other of document.querySelectorAll("[data-mode]")) other.setAttribute("aria-pressed", String(other === chip));
    $("hint").textContent = t(drawing.mode === "marks" ? "hint_marks" : "hint");
    drawing.tell("chosen");
  });
}
$("camera").addEventListener("change", (event) => location.assign(`/draw/${encodeURIComponent(told.site)}/${encodeURIComponent(event.target.value)}`));
addEventListener("beforeunload", (event) => dirty && event.preventDefault());

// -- what the server says --------------------------------------------------------------------

let waiting, asked = 0;
function later() {
  clearTimeout(waiting);
  waiting = setTimeout(() => check().catch((error) => error.status !== 401 && toast(error.message, true)), 500);
}

async function check() {
  const mine = ++asked;
  $("checks").setAttribute("aria-busy", "true");
  try {
    const answer = await call(`${base}/check`, { method: "POST", json: { draft: drawing.form(page.size) } });
    if (mine !== asked) return page.checked;
    page.checked = answer;
    dirty = answer.changed;
    showChecks();
    drawing.tell("checked");
    return answer;
  } finally {
    if (mine === asked) $("checks").removeAttribute("aria-busy");
  }
}

function crossings() {
  return shapes().filter((s) => s.closed).map((s) => [s.name, crossing(s.list)]).filter(([, pair]) => pair);
}

function showChecks() {
  const checked = page.checked, parts = [];
  for (const [zone, [a, b]] of crossings()) parts.push(el("p", { class: "fault" }, t("self_crossing", { zone, a, b })));
  if (checked) {
    const list = (kind, entries) => el("ul", { class: kind }, ...entries.map((parts) => el("li", {}, ...[parts].flat())));
    if (checked.faults.length) {
      parts.push(el("p", { class: "fault" }, t("faults", { count: checked.faults.length })));
      parts.push(list("faultlist", checked.faults.map((f) => [f.key ? `${f.key}: ${f.sentence}` : f.sentence, ...original(f)])));
    } else parts.push(el("p", { class: checked.changed ? "tag good" : "tag" }, t(checked.changed ? "all_good" : "unchanged")));
    if (checked.doubts.length) {
      parts.push(el("p", {}, t("doubts", { count: checked.doubts.length })));
      parts.push(list("doubtlist", checked.doubts.map((d) => `${d.zone}: ${d.sentence}`)));
    }
    if (checked.read_only) parts.push(el("p", { class: "tag warn" }, checked.read_only));
    $("diffbox").hidden = !checked.diff;
    showDiff($("diff"), checked.diff);
  }
  $("checks").replaceChildren(...parts);
  $("save").disabled = !checked || !checked.changed || checked.faults.length > 0 || !!checked.read_only;
}

$("save").addEventListener("click", async () => {
  try {
    const checked = await check();
    if ($("save").disabled) return;
    showDiff($("savediff"), checked.diff);
    $("savedoubts").replaceChildren(...(checked.doubts.length ? [el("ul", { class: "doubtlist" }, ...checked.doubts.map((d) => el("li", {}, `${d.zone}: ${d.sentence}`)))] : []));
    openSave(t("save_title"), checked.diff, (reason) =>
      call(`${base}/save`, { method: "POST", json: { draft: drawing.form(page.size), sha256: page.sha256, shown: checked.shown, reason } }));
  } catch (error) {
    toast(error.message, true);
  }
});

let writing = null;
function openSave(title, diff, act) {
  writing = act;
  $("savetitle").textContent = title;
  showDiff($("savediff"), diff);
  $("savefault").textContent = "";
  $("savebox").showModal();
  $("reason").focus();
}
page.openSave = openSave;
$("saveform").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("write");
  button.disabled = true;
  try {
    const saved = await writing($("reason").value.trim());
    dirty = false;
    sessionStorage.setItem("draw-saved", t("saved", { files: saved.files.join(", ") }));
    location.reload();
  } catch (error) {
    $("savefault").textContent = error.message;
  } finally {
    button.disabled = false;
  }
});

// -- preview ---------------------------------------------------------------------------------

async function previewPanel() {
  const bags = await call(`${base}/bags`);
  if (!bags.length) return $("preview").replaceChildren(el("p", { class: "quiet" }, t("no_bags")));
  const choice = el("select", { id: "bag" }, ...bags.map((bag) => el("option", { value: bag.name }, `${bag.name.split(":").slice(1).join(":")} · ${when(bag.start, told.language)} – ${when(bag.end, told.language)}`)));
  const whole = el("input", { type: "checkbox", id: "bagwhole" });
  const together = el("input", { type: "checkbox", id: "bagtogether" });
  const start = el("button", { id: "previewstart" }, t("preview_start"));
  const out = el("div", { id: "previewout", role: "status" });
  start.addEventListener("click", () => runPreview({ bag: choice.value, whole: whole.checked, together: together.checked }, start, out));
  $("preview").replaceChildren(el("label", {}, t("bag"), choice), el("div", { class: "row" }, el("label", { class: "inline" }, whole, t("bag_whole")), el("label", { class: "inline" }, together, t("bag_together")), start), out);
}

async function runPreview(asked, start, out) {
  start.disabled = true;
  const draft = drawing.form(page.size), before = JSON.stringify(draft);
  const bar = el("progress", { max: 1, value: 0, "aria-label": t("preview_judging") });
  const cancel = el("button", { class: "plain", id: "previewcancel" }, t("preview_cancel"));
  out.replaceChildren(el("p", {}, t("preview_judging")), bar, cancel);
  try {
    const { id } = await call(`${base}/preview`, { method: "POST", json: { draft, ...asked } });
    cancel.addEventListener("click", () => call(`/api/draw/previews/${id}/cancel`, { method: "POST" }).catch((e) => toast(e.message, true)));
    for (;;) {
      const state = await call(`/api/draw/previews/${id}`);
      bar.value = state.share;
      if (state.state !== "judging") {
        out.replaceChildren(...outcome(state, before));
        break;
      }
      await new Promise((done) => setTimeout(done, 400));
    }
  } catch (error) {
    out.replaceChildren(el("p", { class: "fault" }, error.message));
  } finally {
    start.disabled = false;
  }
}

function outcome(state, before) {
  if (state.state === "cancelled") return [el("p", {}, t("preview_cancelled"))];
  if (state.state !== "done") return [el("p", { class: "fault" }, t("preview_failed", { why: state.sentence }))];
  const found = state.told, count = (what) => found.findings.filter((f) => f.what === what).length;
  const parts = [el("p", { id: "previewcounts" }, el("b", {}, t("preview_counts", { before: found.before, after: found.after, new: count("new"), lost: count("lost"), changed: count("changed") })))];
  if (before !== JSON.stringify(drawing.form(page.size))) parts.push(el("p", { class: "tag warn" }, t("preview_stale")));
  parts.push(el("p", { class: "quiet small", id: "previewjudged" }, found.judged.length > 1 ? t("preview_together", { cameras: found.judged.join(", ") }) : t("preview_was_alone")));
  if (!found.findings.length) parts.push(el("p", { class: "quiet" }, t("nothing_found")));
  const tone = { new: "good", lost: "bad", changed: "warn", same: "" };
  parts.push(el("ul", { class: "found" }, ...found.findings.map((f) => {
    const here = f.camera === told.camera;
    const zone = here ? drawing.zones.find((z) => z.name === f.zone) ?? told.zones.find((z) => z.name === f.zone) : undefined;
    const rule = told.ruleset.find((r) => r.name === f.kind)?.label ?? f.kind;
    return el("li", { "data-what": f.what }, thumbnail(f, zone, here ? page.picture : "", aspect),
      el("div", {}, el("p", {}, el("span", { class: `tag ${tone[f.what]}` }, t(`what_${f.what}`)), ` ${rule} · ${here ? "" : `${f.camera}/`}${f.zone} · ${t(`ru_${f.road_user}`)} · ${when(f.started, told.language)}`),
        el("p", { class: "quiet small" }, [f.explanation, ...f.why].filter(Boolean).join(" · "))));
  })));
  for (const warning of found.warnings) parts.push(el("p", { class: "quiet small" }, warning));
  return parts;
}

// -- history ---------------------------------------------------------------------------------

async function historyPanel() {
  const list = await call(`${site}/history`);
  const parts = [];
  if (!list.lines.length) parts.push(el("p", { class: "quiet" }, t("history_none")));
  if (list.broken) parts.push(el("p", { class: "fault" }, t("history_broken", { count: list.broken })));
  parts.push(el("ol", { class: "historylist" }, ...list.lines.map((line) => {
    const files = line.files.map((file) => {
      const diff = el("pre", { class: "diff", tabindex: "0", "aria-label": t("diff") });
      showDiff(diff, file.diff);
      const go = (version, key) => el("button", { class: "chip", onclick: () => askRevert(file.file, version) }, t(key));
      return el("details", {}, el("summary", {}, el("code", {}, file.file), " ", ...(file.current ? [el("span", { class: "tag good" }, t("current"))] : [])), diff,
        el("div", { class: "row" }, ...(file.current ? [] : [go(file.after, "revert")]), ...(file.before ? [go(file.before, "revert_before")] : [])));
    });
    return el("li", {}, el("p", {}, el("b", {}, line.shown), ` (${line.who}) · ${when(line.stamp, told.language)} · ${line.camera} `, ...(line.by_hand ? [el("span", { class: "tag warn" }, t("by_hand"))] : [])),
      el("p", {}, line.why), ...files);
  })));
  $("history").replaceChildren(...parts);
}

async function askRevert(file, version) {
  try {
    const checked = await call(`${site}/revert/check`, { method: "POST", json: { file, version } });
    if (checked.faults.length || checked.read_only) return toast(checked.read_only || checked.faults.map((f) => `${f.key}: ${f.sentence}`).join("; "), true);
    if (!checked.changed) return toast(t("unchanged"));
    $("savedoubts").replaceChildren();
    openSave(t("revert_title"), checked.diff, (reason) => call(`${site}/revert`, { method: "POST", json: { file, version, sha256: checked.sha256, reason } }));
  } catch (error) {
    toast(error.message, true);
  }
}

// -- beginning -------------------------------------------------------------------------------

const panel = panels(page, { beginning, arrow, crossing, round, middle });
drawing.listen((what) => {
  paint();
  if (["moved", "settled", "all", "field"].includes(what)) {
    showChecks();
    later();
  }
  panel(what);
  $("undo").disabled = !drawing.past.length;
  $("redo").disabled = !drawing.future.length;
});
layout();
paint();
panel("all");
stillButtons();
const saved = sessionStorage.getItem("draw-saved");
if (saved) (sessionStorage.removeItem("draw-saved"), toast(saved));
later();
previewPanel().catch((error) => toast(error.message, true));
historyPanel().catch((error) => toast(error.message, true));
if (told.still.state === "taking") followStill();
else if (told.still.state === "failed") $("stillsays").textContent = told.still.sentence;
(async () => {
  for (const origin of told.still.origins) if (origin !== "source" && (await showStill(origin, false))) return;
  if (told.still.state === "none") $("stillsays").textContent = t("still_none");
})();
