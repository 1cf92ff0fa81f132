// The draft, its undo and redo, and what is chosen. Listeners hear of every change.

export class Drawing {
  constructor(told) {
    this.zones = told.zones.map((zone) => ({ ...zone }));
    this.rules = [...told.rules];
    this.signals = told.signals.map((signal) => ({ ...signal, mine: signal.camera === told.camera }));
    this.marks = null; // null: the calibration stays
    this.chosen = null; // {what: "zone" | "signal" | "mark", index}
    this.mode = "zones";
    this.past = [];
    this.future = [];
    this.listeners = [];
    this.tag = null;
  }

  listen(listener) {
    this.listeners.push(listener);
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  snapshot() {
    return structuredClone({ zones: this.zones, rules: this.rules, signals: this.signals, marks: this.marks });
  }

  /** Changes something; steps with the same tag, one after the other, are undone together. */
  change(act, tag = null, what = "all") {
    if (!tag || tag !== this.tag) this.past.push({ ...this.snapshot(), chosen: this.chosen && { ...this.chosen } });
    if (this.past.length > 200) this.past.shift();
    this.future = [];
    this.tag = tag;
    act(this);
    this.tell(what);
  }

  /** What comes next is a step of its own. */
  pause() {
    this.tag = null;
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push({ ...this.snapshot(), chosen: this.chosen && { ...this.chosen } });
    const { chosen, ...rest } = state;
    Object.assign(this, rest);
    this.chosen = this.shape(chosen) ? chosen : null;
    this.tag = null;
    this.tell("all");
  }

  choose(what, index) {
    this.chosen = index == null ? null : { what, index };
    this.tag = null;
    this.tell("chosen");
  }

  /** The chosen thing, or that of a choice. */
  shape(choice = this.chosen) {
    if (!choice) return null;
    const list = { zone: this.zones, signal: this.signals, mark: this.marks ?? [] }[choice.what];
    return list[choice.index] ?? null;
  }

  /** The draft as the server wants it. */
  form(size) {
    const given = (value) => value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && !value.length);
    const KEYS = ["line", "region", "direction", "signal", "basis", "dwell", "grace", "limit", "tolerance", "place", "applies_to", "active"];
    return {
      zones: this.zones.map((zone) => ({
        name: zone.name,
        was: zone.was ?? "",
        kind: String(zone.kind ?? ""),
        ...Object.fromEntries(KEYS.filter((key) => given(zone[key])).map((key) => [key, zone[key]])),
      })),
      rules: this.rules,
      signals: this.signals
        .filter((signal) => signal.mine && signal.region?.length)
        .map(({ name, region, orientation }) => ({ name, region, orientation: orientation ?? "" })),
      ...(this.marks && {
        survey: {
          width: size[0],
          height: size[1],
          marks: this.marks.map((mark) =>
            mark.degrees
              ? { image: mark.image, latitude: mark.degrees[0], longitude: mark.degrees[1] }
              : { image: mark.image, ...(mark.ground?.every(Number.isFinite) && { ground: mark.ground }) },
          ),
        },
      }),
    };
  }
}
