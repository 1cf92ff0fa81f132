// The panels beside the picture: lists, attributes, tables of coordinates.

import { el } from "./base.js";
import { original } from "./draw_parts.js";

const $ = (id) => document.getElementById(id);
let serial = 0;

/** Returns a function that shows the panels anew; `what` changed. */
export function panels(page, { beginning, arrow, crossing, round }) {
  const { told, t, drawing } = page;

  // A field with its label, help and the loader's sentence under the key it has in the file.
  function field(label, key, input, help) {
    const id = `f${++serial}`;
    input.id ||= id;
    if (key) input.dataset.key = key;
    const parts = [el("span", {}, label), input];
    if (help) parts.push(el("span", { class: "quiet small", id: `${input.id}h` }, help)), input.setAttribute("aria-describedby", `${input.id}h`);
    return el("label", {}, ...parts);
  }

  const set = (object, key, tag) => (value) =>
    drawing.change(() => {
      if (value === null || value === "") delete object()[key];
      else object()[key] = value;
    }, tag, "field");

  function number(value, then, attributes = {}) {
    const input = el("input", { type: "number", step: "any", ...attributes });
    input.value = value ?? "";
    input.addEventListener("change", () => then(input.value === "" ? null : Number(input.value)));
    return input;
  }

  function text(value, then, attributes = {}) {
    const input = el("input", { autocomplete: "off", spellcheck: "false", ...attributes });
    input.value = value ?? "";
    input.addEventListener("change", () => then(input.value.trim() || null));
    return input;
  }

  function select(value, options, then, attributes = {}) {
    const made = el("select", attributes, ...options.map(([name, label]) => el("option", { value: name }, label)));
    made.value = value ?? "";
    if (made.selectedIndex < 0 && value) (made.append(el("option", { value }, value)), (made.value = value));
    made.addEventListener("change", () => then(made.value || null));
    return made;
  }

  const kindLabel = (kind) => (told.words[`zk_${kind}`] ? t(`zk_${kind}`) : kind);
  const shapeOf = (kind) => told.kinds.find((k) => k.name === kind)?.shape ?? "region";

  // -- zones ---------------------------------------------------------------------------------

  function freeName(kind) {
    for (let n = 1; ; n++) {
      const name = n === 1 ? kind : `${kind}_${n}`;
      if (!drawing.zones.some((zone) => zone.name === name)) return name;
    }
  }

  function addZone(kind, name, shape) {
    const key = shapeOf(kind);
    drawing.change(() => {
      const zone = { name, was: "", kind, [key]: shape };
      if (kind === "direction") zone.direction = arrow(zone);
      drawing.zones.push(zone);
      drawing.chosen = { what: "zone", index: drawing.zones.length - 1 };
    });
    page.focusHandle("point.0");
  }

  function zonesPanel() {
    const kind = select(page.newKind ?? "no_parking", told.kinds.map((k) => [k.name, kindLabel(k.name)]), (value) => {
      page.newKind = value;
      name.placeholder = freeName(value);
    }, { id: "newkind" });
    const name = text("", () => {}, { id: "newname", placeholder: freeName(kind.value), maxlength: 48 });
    const chosenName = () => name.value.trim() || freeName(kind.value);
    const draw = el("button", { id: "drawzone", onclick: () => {
      const k = kind.value, n = chosenName();
      page.startDrawing(shapeOf(k) === "line" ? 2 : 200, (list) => addZone(k, n, list));
    } }, t("draw_it"));
    const put = el("button", { id: "placezone", class: "plain", onclick: () => addZone(kind.value, chosenName(), beginning(shapeOf(kind.value))) }, t("place_it"));
    $("panel-zones").replaceChildren(
      el("h2", { id: "h-zones" }, t("zones")),
      zoneList(),
      el("fieldset", {}, el("legend", {}, t("add_zone")), field(t("kind"), null, kind), field(t("name"), null, name, t("help_name")), el("div", { class: "row" }, draw, put)),
      ...attributes(),
    );
  }

  function zoneList() {
    if (!drawing.zones.length) return el("p", { class: "quiet" }, t("no_zones"));
    return el("ul", { class: "zonelist" }, ...drawing.zones.map((zone, index) => {
      const chosen = drawing.chosen?.what === "zone" && drawing.chosen.index === index;
      const faults = page.checked?.faults.filter((f) => f.key === `zones.${zone.name}` || f.key.startsWith(`zones.${zone.name}.`)) ?? [];
      const wrong = faults.length || (zone.region && crossing(zone.region));
      return el("li", {}, el("button", { type: "button", "data-zone": zone.name, "aria-pressed": String(chosen), onclick: () => drawing.choose("zone", index) },
        el("span", { class: `dot pen-${zone.kind}`, "aria-hidden": "true" }), `${zone.name} `, el("span", { class: "quiet small" }, kindLabel(zone.kind)),
        wrong ? el("span", { class: "tag bad" }, "!") : null));
    }));
  }

  function attributes() {
    if (drawing.chosen?.what !== "zone") return [];
    const zone = () => drawing.shape();
    const z = zone(), key = `zones.${z.name}`;
    const parts = [];
    const put = (name, tag) => set(zone, name, tag);
    parts.push(field(t("name"), `${key}.name`, text(z.name, (value) => value && drawing.change(() => (zone().name = value), null, "all"), { maxlength: 48 }), t("help_name")));
    parts.push(field(t("kind"), `${key}.kind`, select(z.kind, told.kinds.map((k) => [k.name, kindLabel(k.name)]), (value) => drawing.change(() => turnInto(zone(), value)))));
    const bases = el("datalist", { id: "bases" }, ...["sign S-12", "sign S-11", "marking", "signal", "movement rule"].map((b) => el("option", { value: b })));
    parts.push(bases, field(t("basis"), `${key}.basis`, text(z.basis, put("basis"), { list: "bases", maxlength: 120 }), t("help_basis")));
    const has = (...kinds) => kinds.includes(z.kind);
    if (has("stop_line", "no_stopping", "no_parking") || z.signal) parts.push(field(t("signal"), `${key}.signal`, select(z.signal, [["", t("none")], ...drawing.signals.map((s) => [s.name, s.name])], put("signal")), t("help_signal")));
    if (has("no_stopping", "no_parking") || z.dwell != null) parts.push(field(t("dwell"), `${key}.dwell`, number(z.dwell, put("dwell"), { min: 0 }), t("help_dwell", { default: told.defaults.dwell })));
    if (has("stop_line") || z.grace != null) parts.push(field(t("grace"), `${key}.grace`, number(z.grace, put("grace"), { min: 0 }), t("help_grace", { default: told.defaults.grace })));
    if (has("speed") || z.limit != null) {
      parts.push(field(t("limit"), `${key}.limit`, number(z.limit, put("limit"), { min: 0 }), t("help_limit", { kmh: z.limit ? (z.limit * 3.6).toFixed(1) : "–" })));
      parts.push(field(t("tolerance"), `${key}.tolerance`, number(z.tolerance, put("tolerance"), { min: 0 }), t("help_tolerance")));
    }
    parts.push(field(t("place"), `${key}.place`, select(z.place, [["", t("none")], ...told.places.map((p) => [p, p.replaceAll("_", " ")])], put("place")), t("help_place")));
    return [el("fieldset", {}, el("legend", {}, t("attributes")), ...parts, appliesTo(zone, key), hours(zone, key)), arrowButtons(zone), coordinates(zone, key), el("div", { class: "row" },
      el("button", { class: "plain", onclick: () => redraw(zone) }, t("redraw")),
      el("button", { class: "bad", id: "removezone", onclick: () => drawing.change(() => (drawing.zones.splice(drawing.chosen.index, 1), (drawing.chosen = null))) }, t("remove_zone")))];
  }

  function turnInto(zone, kind) {
    const shape = shapeOf(kind);
    if (shape === "line" && zone.region) (zone.line = [zone.region[0], zone.region[1]], delete zone.region);
    if (shape === "region" && zone.line) {
      const [a, b] = zone.line;
      zone.region = [a, b, [b[0], Math.min(1, b[1] + 0.1)], [a[0], Math.min(1, a[1] + 0.1)]].map((p) => p.map(round));
      delete zone.line;
    }
    zone.kind = kind;
    if (kind === "direction" && !zone.direction) zone.direction = arrow(zone);
  }

  function redraw(zone) {
    const target = zone(), line = !!target.line;
    page.startDrawing(line ? 2 : 200, (list) => drawing.change(() => (target[line ? "line" : "region"] = list)));
  }

  function appliesTo(zone, key) {
    const z = zone();
    return el("fieldset", { "data-key": `${key}.applies_to` }, el("legend", {}, t("applies_to")), el("div", { class: "ticks" }, ...told.road_users.map((user) => {
      const box = el("input", { type: "checkbox", value: user, checked: z.applies_to?.includes(user) });
      box.addEventListener("change", () => drawing.change(() => {
        const now = new Set(zone().applies_to ?? []);
        box.checked ? now.add(user) : now.delete(user);
        if (now.size) zone().applies_to = told.road_users.filter((u) => now.has(u));
        else delete zone().applies_to;
      }, null, "field"));
      return el("label", { class: "inline" }, box, t(`ru_${user}`));
    })), el("p", { class: "quiet small" }, t("help_applies_to")));
  }

  function hours(zone, key) {
    const list = zone().active ?? [];
    const change = (act) => drawing.change(() => {
      const now = structuredClone(zone().active ?? []);
      act(now);
      if (now.length) zone().active = now;
      else delete zone().active;
    }, null, "all");
    return el("fieldset", { "data-key": `${key}.active` }, el("legend", {}, t("active")), ...list.map((window, n) => el("div", { class: "hours" },
      field(t("days"), `${key}.active[${n}].days`, text(window.days ?? "daily", (v) => change((l) => (l[n].days = v ?? "daily"))), t("help_days")),
      field(t("from"), `${key}.active[${n}].from`, text(window.from, (v) => change((l) => (l[n].from = v ?? "")), { type: "time" })),
      field(t("to"), `${key}.active[${n}].to`, text(window.to, (v) => change((l) => (l[n].to = v ?? "")), { type: "time" })),
      el("button", { class: "chip", "aria-label": `${t("remove")} ${n + 1}`, onclick: () => change((l) => l.splice(n, 1)) }, t("remove")))),
      el("p", { class: "quiet small" }, t("help_active")),
      el("button", { class: "chip", onclick: () => change((l) => l.push({ days: "daily", from: "06:00", to: "18:00" })) }, t("add_hours")));
  }

  function arrowButtons(zone) {
    const z = zone();
    const button = (label, act, id) => el("button", { class: "chip", id, onclick: () => drawing.change(act) }, t(label));
    return el("div", { class: "row", "data-key": `zones.${z.name}.direction` }, ...(z.direction
      ? [button("turn_arrow", () => zone().direction.reverse(), "turnarrow"), ...(z.kind === "direction" ? [] : [button("remove_arrow", () => delete zone().direction, "removearrow")])]
      : [button("add_arrow", () => (zone().direction = arrow(zone())), "addarrow")]));
  }

  function coordinates(zone, key) {
    const z = zone(), name = z.region ? "region" : "line";
    const rows = (z[name] ?? []).map((p, n) => ({ label: t("point", { n: n + 1 }), p, at: n, of: name }));
    (z.direction ?? []).forEach((p, n) => rows.push({ label: t(n ? "arrow_to" : "arrow_from"), p, at: n, of: "direction" }));
    return coordinateTable(t("points"), `${key}.${name}`, rows, (row, axis, value) => drawing.change(() => (zone()[row.of][row.at][axis] = value), `table ${row.of} ${row.at} ${axis}`, "moved"),
      (row) => row.of !== "region" ? [] : [
        el("button", { class: "chip", "aria-label": t("add_point", { n: row.at + 1 }), onclick: () => page.addPoint(row.at) }, "+"),
        ...(z.region.length > 3 ? [el("button", { class: "chip", "aria-label": t("remove_point", { n: row.at + 1 }), onclick: () => page.removePoint("point", row.at) }, "−")] : [])]);
  }

  function coordinateTable(caption, key, rows, then, buttons) {
    return el("div", { class: "scroll", "data-key": key }, el("table", { class: "coords" }, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("point", { n: "" })), el("th", { scope: "col" }, "x"), el("th", { scope: "col" }, "y"), el("td"))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, el("th", { scope: "row" }, row.label), ...[0, 1].map((axis) => {
        const input = number(row.p[axis], (value) => value !== null && then(row, axis, value), { step: "0.001", min: 0, max: 1, "aria-label": `${row.label} ${"xy"[axis]}`, "data-cell": `${row.of ?? "mark"}.${row.at}.${axis}` });
        return el("td", {}, input);
      }), el("td", {}, el("span", { class: "row" }, ...buttons(row))))))));
  }

  function freshCells() {
    for (const input of document.querySelectorAll("[data-cell]")) {
      const [of, n, axis] = input.dataset.cell.split(".");
      const value = of === "mark" ? drawing.marks?.[n]?.image[axis] : drawing.shape()?.[of]?.[n]?.[axis];
      if (value !== undefined && document.activeElement !== input) input.value = value;
    }
  }

  // -- rules ---------------------------------------------------------------------------------

  function rulesPanel() {
    $("panel-rules").replaceChildren(el("h2", { id: "h-rules" }, t("rules")), el("div", { class: "rules" }, ...told.ruleset.map((rule) => {
      const box = el("input", { type: "checkbox", value: rule.name, checked: drawing.rules.includes(rule.name), "data-key": `rules.${rule.name}` });
      box.addEventListener("change", () => drawing.change(() => {
        drawing.rules = box.checked ? [...drawing.rules, rule.name] : drawing.rules.filter((r) => r !== rule.name);
      }, null, "field"));
      const needs = t("rule_needs", { kinds: rule.kinds.map(kindLabel).join(" / ") });
      return el("label", { class: "inline" }, box, el("span", {}, rule.label, el("br"), el("span", { class: "quiet small" }, rule.whole ? `${needs}; ${t("rule_whole")}` : needs)));
    })));
  }

  // -- signals -------------------------------------------------------------------------------

  function signalsPanel() {
    const name = text("", () => {}, { id: "newsignal", maxlength: 48 });
    const drawHead = (signal) => page.startDrawing(200, (list) => drawing.change(() => {
      signal().region = list;
      signal().mine = true;
      drawing.chosen = { what: "signal", index: drawing.signals.indexOf(signal()) };
    }));
    $("panel-signals").replaceChildren(el("h2", { id: "h-signals" }, t("signals")),
      drawing.signals.length ? el("ul", { class: "zonelist" }, ...drawing.signals.map((signal, index) => {
        const chosen = drawing.chosen?.what === "signal" && drawing.chosen.index === index;
        const where = signal.mine ? t("signal_here") : signal.camera ? t("signal_elsewhere", { camera: signal.camera }) : t("signal_unseen");
        return el("li", { "data-key": `signals.${signal.name}` },
          el("button", { type: "button", "data-signal": signal.name, "aria-pressed": String(chosen), onclick: () => drawing.choose("signal", index) }, el("span", { class: "dot pen-signal", "aria-hidden": "true" }), `${signal.name} `, el("span", { class: "quiet small" }, where)),
          chosen ? el("div", {},
            field(t("orientation"), `signals.${signal.name}.orientation`, select(signal.orientation, [["", t("usual")], ["vertical", t("vertical")], ["horizontal", t("horizontal")]], (v) => drawing.change(() => (drawing.signals[index].orientation = v ?? ""), null, "field"))),
            el("div", { class: "row" },
              el("button", { class: "chip", onclick: () => drawHead(() => drawing.signals[index]) }, t("draw_it")),
              el("button", { class: "chip", onclick: () => drawing.change(() => Object.assign(drawing.signals[index], { mine: true, region: [[0.45, 0.1], [0.5, 0.1], [0.5, 0.25], [0.45, 0.25]] })) }, t("place_it")),
              signal.mine ? el("button", { class: "chip", onclick: () => drawing.change(() => Object.assign(drawing.signals[index], { mine: false, region: [], camera: null })) }, t("signal_remove")) : null),
            signal.mine && signal.region.length ? coordinateTable(t("points"), `signals.${signal.name}.region`, signal.region.map((p, n) => ({ label: t("point", { n: n + 1 }), p, at: n, of: "region" })),
              (row, axis, value) => drawing.change(() => (drawing.signals[index].region[row.at][axis] = value), `table signal ${row.at} ${axis}`, "moved"), () => []) : null) : null);
      })) : el("p", { class: "quiet" }, t("no_signals")),
      el("fieldset", {}, el("legend", {}, t("signal_new")), field(t("name"), null, name, t("help_name")),
        el("button", { class: "plain", onclick: () => {
          const n = name.value.trim();
          if (n && !drawing.signals.some((s) => s.name === n)) drawing.change(() => {
            drawing.signals.push({ name: n, adapter: "lamp_vision", camera: told.camera, mine: true, orientation: "", region: [[0.45, 0.1], [0.5, 0.1], [0.5, 0.25], [0.45, 0.25]] });
            drawing.chosen = { what: "signal", index: drawing.signals.length - 1 };
          });
        } }, t("place_it"))));
  }

  // -- calibration ---------------------------------------------------------------------------

  function marksPanel() {
    const c = told.calibration, parts = [el("h2", { id: "h-marks" }, t("calibration"))];
    if (c?.sentence) parts.push(el("p", { class: "fault" }, c.sentence));
    else parts.push(el("p", { class: "quiet" }, c ? t("calibration_of", { file: c.file, author: c.author, date: c.date, stddev: c.stddev ?? "–" }) : t("calibration_none")));
    if (!drawing.marks) {
      parts.push(el("button", { id: "calibrate", onclick: () => drawing.change(() => (drawing.marks = (c?.marks ?? []).map(({ image, ground }) => ({ image: [...image], ground: [...ground] })))) }, t("calibration_new")));
      $("panel-marks").replaceChildren(...parts);
      return;
    }
    const degrees = page.degrees ?? false;
    parts.push(field(t("unit"), null, select(degrees ? "degrees" : "metres", [["metres", t("unit_metres")], ["degrees", t("unit_degrees")]], (v) => {
      page.degrees = v === "degrees";
      drawing.change(() => drawing.marks.forEach((mark) => {
        if (page.degrees) (mark.degrees = [NaN, NaN], delete mark.ground);
        else (mark.ground = [NaN, NaN], delete mark.degrees);
      }));
    }, { id: "unit" })));
    const heads = [t("point", { n: "" }), "x", "y", degrees ? t("latitude") : t("east"), degrees ? t("longitude") : t("north"), t("residual"), t("left_out"), ""];
    const cell = (input) => el("td", {}, input);
    parts.push(el("div", { class: "scroll", "data-key": "survey.points" }, el("table", { class: "coords" }, el("caption", {}, t("marks")), el("thead", {}, el("tr", {}, ...heads.map((h) => (h ? el("th", { scope: "col" }, h) : el("td"))))),
      el("tbody", {}, ...drawing.marks.map((mark, n) => el("tr", { "data-key": `survey.points[${n}]` }, el("th", { scope: "row" }, String(n + 1)),
        ...[0, 1].map((axis) => cell(number(mark.image[axis], (v) => v !== null && drawing.change(() => (drawing.marks[n].image[axis] = v), null, "moved"), { step: "0.001", min: 0, max: 1, "aria-label": `${t("mark", { n: n + 1 })} ${"xy"[axis]}`, "data-cell": `mark.${n}.${axis}` }))),
        ...[0, 1].map((axis) => {
          const key = degrees ? "degrees" : "ground", value = mark[key]?.[axis];
          return cell(number(Number.isFinite(value) ? value : null, (v) => drawing.change(() => {
            drawing.marks[n][key] ??= [NaN, NaN];
            drawing.marks[n][key][axis] = v ?? NaN;
          }, null, "field"), { "aria-label": `${t("mark", { n: n + 1 })} ${heads[3 + axis]}` }));
        }),
        el("td", { class: "num", "data-residual": n }), el("td", { class: "num", "data-leftout": n }),
        cell(el("button", { class: "chip", "aria-label": t("remove_point", { n: n + 1 }), onclick: () => page.removePoint("mark", n) }, "−")))))))); 
    parts.push(el("p", { id: "fit", class: "tag good", hidden: true }));
    parts.push(el("div", { class: "row" },
      el("button", { class: "plain", id: "addmark", onclick: () => {
        drawing.change(() => drawing.marks.push({ image: [0.5, 0.6], ...(degrees ? { degrees: [NaN, NaN] } : { ground: [NaN, NaN] }) }));
        page.focusHandle(`mark.${drawing.marks.length - 1}`);
      } }, t("add_mark")),
      el("button", { class: "plain", onclick: () => drawing.change(() => (drawing.marks = null)) }, t("calibration_drop"))));
    $("panel-marks").replaceChildren(...parts);
    residuals();
  }

  function residuals() {
    const fit = drawing.marks && page.checked?.fit, line = $("fit");
    for (const td of document.querySelectorAll("[data-residual]")) td.textContent = fit?.residuals[td.dataset.residual]?.toFixed(3) ?? "";
    for (const td of document.querySelectorAll("[data-leftout]")) td.textContent = fit?.left_out[td.dataset.leftout]?.toFixed(3) ?? "";
    if (line) (line.hidden = !fit, (line.textContent = fit ? t("fit_good", { stddev: fit.stddev }) : ""));
  }

  // -- the loader's sentences at their fields ---------------------------------------------------

  function sentences() {
    for (const old of document.querySelectorAll(".says")) old.remove();
    for (const old of document.querySelectorAll("[aria-invalid]")) {
      old.removeAttribute("aria-invalid");
      if (old.dataset.help) old.setAttribute("aria-describedby", old.dataset.help);
      else old.removeAttribute("aria-describedby");
    }
    for (const fault of page.checked?.faults ?? []) {
      const rule = /^rules\[(\d+)\]$/.exec(fault.key);
      const zone = /^zones\.[^.]+$/.test(fault.key);
      let key = rule ? `rules.${drawing.rules[rule[1]]}` : zone ? `${fault.key}.name` : fault.key, node = null;
      while (key && !(node = document.querySelector(`[data-key="${CSS.escape(key)}"]`))) key = key.includes("[") && key.endsWith("]") ? key.slice(0, key.lastIndexOf("[")) : key.slice(0, Math.max(0, key.lastIndexOf(".")));
      if (!node) continue;
      const says = el("p", { class: "says", id: `says${++serial}` }, fault.sentence, ...original(fault));
      if (node.matches("input, select")) {
        node.dataset.help ??= node.getAttribute("aria-describedby") ?? "";
        node.setAttribute("aria-invalid", "true");
        node.setAttribute("aria-describedby", `${node.getAttribute("aria-describedby") ?? ""} ${says.id}`.trim());
        node.closest("label").after(says);
      } else if (node.matches("tr")) node.closest(".scroll").after(says);
      else node.append(says);
    }
  }

  return (what) => {
    if (what === "moved") return freshCells();
    if (what === "still" || what === "settled") return;
    const mode = drawing.mode;
    if (what === "checked") {
      const list = document.querySelector("#panel-zones .zonelist"), focused = list?.contains(document.activeElement) && document.activeElement.dataset.zone;
      if (list) list.replaceWith(zoneList());
      if (focused) document.querySelector(`#panel-zones [data-zone="${CSS.escape(focused)}"]`)?.focus();
      residuals();
      sentences();
      return;
    }
    const active = document.activeElement, again = active?.dataset?.key ?? active?.id, where = active?.closest?.(".side") && again;
    for (const [name, show] of [["zones", zonesPanel], ["rules", rulesPanel], ["signals", signalsPanel], ["marks", marksPanel]]) {
      $(`panel-${name}`).hidden = !(name === mode || (name === "rules" && mode === "zones"));
      show();
    }
    sentences();
    if (where) (document.querySelector(`.side [data-key="${CSS.escape(again)}"]`) ?? document.getElementById(again))?.focus();
  };
}
