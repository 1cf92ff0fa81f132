// Parts of the drawing page that hold no state: diffs, thumbnails, the words of the page.

import { el } from "./base.js";

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Fills {name} in a text of the page. */
export function speaker(words) {
  return (key, values = {}) => (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** The loader's own English sentence, beside a translated one. */
export const original = (fault) => (fault.original ? [el("span", { class: "original", lang: "en" }, fault.original)] : []);

/** A unified diff, line by line. */
export function showDiff(box, text) {
  box.replaceChildren(
    ...text.split("\n").map((line) => {
      const kind = /^(\+\+\+|---|@@)/.test(line) ? "at" : line[0] === "+" ? "add" : line[0] === "-" ? "del" : "";
      return el("span", kind ? { class: kind } : {}, line + "\n");
    }),
  );
}

export const points = (list) => list.map((p) => p.join(",")).join(" ");

/** Where a finding was: the still around its box and zone. `picture`: the still's address. */
export function thumbnail(found, zone, picture, aspect) {
  const shape = zone?.region ?? zone?.line ?? [];
  const corners = [...shape];
  if (found.box) corners.push([found.box[0], found.box[1]], [found.box[2], found.box[3]]);
  const xs = corners.map((p) => p[0]), ys = corners.map((p) => p[1]);
  let [x0, x1, y0, y1] = corners.length ? [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)] : [0, 1, 0, 1];
  const size = Math.min(1, Math.max(x1 - x0, y1 - y0, 0.15) * 1.25);
  const x = Math.min(1 - size, Math.max(0, (x0 + x1) / 2 - size / 2));
  const y = Math.min(1 - size, Math.max(0, (y0 + y1) / 2 - size / 2));
  const made = svg("svg", { viewBox: `${x * aspect} ${y} ${size * aspect} ${size}`, "aria-hidden": "true" });
  if (picture) made.append(svg("image", { href: picture, width: aspect, height: 1, preserveAspectRatio: "none" }));
  if (shape.length) made.append(svg(zone.region ? "polygon" : "polyline", { class: "thumb-zone", points: points(shape.map((p) => [p[0] * aspect, p[1]])) }));
  if (found.box) {
    const [a, b, c, d] = found.box;
    made.append(svg("rect", { class: "thumb-box", x: a * aspect, y: b, width: (c - a) * aspect, height: d - b }));
  }
  return made;
}

export function when(stamp, language) {
  return new Date(stamp / 1e6).toLocaleString(language === "id" ? "id-ID" : "en-GB", { dateStyle: "short", timeStyle: "medium" });
}
