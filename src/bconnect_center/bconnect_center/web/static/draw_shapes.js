// Geometry of what is drawn: fractions of the picture, (0, 0) top left.

export const round = (value) => Math.round(value * 10000) / 10000;
export const within = (value) => Math.min(1, Math.max(0, value));
export const place = (x, y) => [round(within(x)), round(within(y))];

const cross = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
const sign = (value) => (value > 1e-12) - (value < -1e-12);

function meet(a, b, c, d) {
  const s1 = sign(cross(a, b, c)), s2 = sign(cross(a, b, d)), s3 = sign(cross(c, d, a)), s4 = sign(cross(c, d, b));
  if (s1 * s2 < 0 && s3 * s4 < 0) return true;
  const on = (p, q, r) => Math.min(p[0], q[0]) <= r[0] && r[0] <= Math.max(p[0], q[0]) && Math.min(p[1], q[1]) <= r[1] && r[1] <= Math.max(p[1], q[1]);
  return (s1 === 0 && on(a, b, c)) || (s2 === 0 && on(a, b, d)) || (s3 === 0 && on(c, d, a)) || (s4 === 0 && on(c, d, b));
}

/** The first two edges of a closed shape that cross, 1-based; null: it is simple. */
export function crossing(points) {
  const n = points.length;
  for (let i = 0; i < n; i++) {
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue;
      if (meet(points[i], points[(i + 1) % n], points[j], points[(j + 1) % n])) return [i + 1, j + 1];
    }
  }
  return null;
}

export const middle = (points) => [
  points.reduce((sum, p) => sum + p[0], 0) / points.length,
  points.reduce((sum, p) => sum + p[1], 0) / points.length,
];

/** Every point moved alike, the shape kept within the picture. */
export function moved(points, dx, dy) {
  const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
  const x = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  const y = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  return points.map((p) => place(p[0] + x, p[1] + y));
}

/** A shape in the middle of the picture to begin with. */
export const beginning = (shape) => (shape === "line" ? [[0.35, 0.6], [0.65, 0.6]] : [[0.4, 0.55], [0.6, 0.55], [0.62, 0.75], [0.38, 0.75]]);

/** An arrow of travel through the middle of a shape. */
export function arrow(zone) {
  const points = zone.region ?? zone.line;
  const at = middle(points);
  if (zone.line) {
    const [a, b] = zone.line, length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const nx = (a[1] - b[1]) / length, ny = (b[0] - a[0]) / length, up = ny > 0 ? -1 : 1;
    return [place(at[0] - up * nx * 0.15, at[1] - up * ny * 0.15), place(at[0] + up * nx * 0.15, at[1] + up * ny * 0.15)];
  }
  const ys = points.map((p) => p[1]);
  const low = Math.max(...ys), high = Math.min(...ys), inset = (low - high) * 0.15;
  return [place(at[0], low - inset), place(at[0], high + inset)];
}
