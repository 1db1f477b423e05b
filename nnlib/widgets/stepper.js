// TrainingStepper: Python computes frames, one per phase; the page keeps them, draws them, plays them, goes back in them.
// The page says where it wants to be ("go", position) and the walk in Python follows; one message is under way at a time.

const CLASSES = { false: ["#0072b2", "#d55e00", "#009e73", "#b0568a", "#56b4e9", "#a07000"], true: ["#56b4e9", "#ff8a3d", "#2fd0a0", "#e29ac4", "#f0e442", "#e69f00"] };
const PATIENCE = 4000; // milliseconds until a message counts as lost

const minus = (v) => (v === null ? "not finite" : String(v).replace("-", "−"));
const brief = (v) => (v === null ? "?" : minus(Number(v.toPrecision(Math.abs(v) < 0.1 ? 1 : 2))));
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const set = (node, attributes) => Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));

// Numbers as a picture on a canvas: `paint(byte)` gives [red, green, blue].
function picture(canvas, data, width, height, paint) {
  const context = canvas.getContext("2d");
  set(canvas, { width, height });
  const image = context.createImageData(width, height);
  data.forEach((byte, i) => image.data.set([...paint(byte), 255], 4 * i));
  context.putImageData(image, 0, 0);
}

// Below the middle orange, above it blue, grey in between: the sign also shows in a copy without colour, as darker blue.
const signed = (byte) => {
  const t = (byte - 127.5) / 127.5;
  const end = t < 0 ? [230, 120, 20] : [0, 70, 140];
  return end.map((c) => Math.round(245 + (c - 245) * Math.abs(t)));
};
const ink = (byte) => [255 - byte, 255 - byte, 255 - byte];

function stepper(first, { root, send }) {
  const page = Math.random().toString(36).slice(2, 8);
  const most = first.small ? 4000 : 600; // frames kept
  const frames = new Map(), maps = new Map(), next = new Map(); // by position, by batch; messages not sent yet
  const busy = () => waiting !== null && performance.now() - sentAt < PATIENCE;
  let state = first, target = first.position, shown = null, waiting = null, count = 0, sentAt = 0, lost = false;
  let playing = false, ended = false, last = 0, drawnMap = null;

  const batchOf = (position) => Math.floor(position / first.perBatch);

  // ---- controls
  const button = (name, hint, onclick) => h("button", { type: "button", class: `nn-${name.replace(" ", "-")}`, title: hint, onclick }, name);
  const epoch = first.perBatch * first.perEpoch, end = (size) => (Math.floor(target / size) + 1) * size;
  const play = button("play", "play or pause", () => (playing ? pause() : run()));
  const speed = h("input", { type: "range", min: 1, max: 60, value: 8, class: "nn-speed", ...KEEP_KEYS });
  const slider = h("input", { type: "range", min: 0, max: epoch, value: 0, class: "nn-position", style: "flex: 1", ...KEEP_KEYS });
  slider.addEventListener("input", () => move(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: target - 1, ArrowRight: target + 1, ArrowDown: target - 1, ArrowUp: target + 1, Home: 0 }[event.key];
    if (to !== undefined) { event.preventDefault(); move(to); }
  });
  const example = h("select", { class: "nn-example", onchange: () => tell({ do: "example", example: Number(example.value) }), ...KEEP_KEYS },
    Array.from({ length: Math.min(first.rows, 64) }, (_, i) => h("option", { value: i }, `${i + 1}`)));
  const where = h("output", { class: "nn-where" });
  root.append(
    h("div", { class: "nn-controls" },
      ...[
        ["back", "one phase back", () => target - 1], ["step", "one phase on", () => target + 1],
        ["next batch", "on to the end of the next update", () => end(first.perBatch)],
        ["epoch", "on to the end of the epoch", () => end(epoch)], ["reset", "back to the start", () => 0],
      ].map(([name, hint, to]) => button(name, hint, () => move(to()))),
      play, h("label", {}, "phases per second", speed)),
    h("div", {}, h("label", { style: "display: flex" }, "position", slider, where), first.rows > 1 ? h("label", {}, "example of the batch", example) : null),
  );

  // ---- what happens now, in words
  const title = h("div", { class: "nn-title", style: "font-weight: 600; min-height: 1.4em" });
  const equation = h("div", { class: "nn-equation", role: "status", style: "min-height: 5.6em; white-space: pre-wrap" });
  const shapes = h("div", { class: "nn-shapes" });
  const problem = h("p", { class: "nn-problem", role: "status", style: "margin: 0; font-weight: 600" });
  root.append(title, equation, shapes, problem);

  // ---- the network: one node per unit, in its column; a large layer as bars
  const widths = first.widths, columns = widths.length;
  const tallest = Math.max(...widths), spacing = Math.max(22, Math.min(64, 460 / tallest));
  const roomy = spacing >= 44, radius = roomy ? 19 : 8;
  const height = first.small ? tallest * spacing + 50 : 150 * (columns - 1) + 10;
  const x = (c) => 60 + (c * 560) / Math.max(columns - 1, 1);
  const y = (c, u) => 45 + (height - 50) / 2 + (u - (widths[c] - 1) / 2) * spacing;
  const net = h("svg", { viewBox: `0 0 700 ${height}`, class: "nn-network", role: "group", "aria-label": "network; choose a unit with the arrow keys" });
  const names = (c) => (c === 0 ? "input" : c === columns - 1 ? "output" : `layer ${c}`);
  const band = h("rect", { width: 76, y: 2, height: height - 4, rx: 8, fill: "var(--soft)", stroke: "var(--mark)", "stroke-width": 2, visibility: "hidden" });
  net.append(band);
  const edges = widths.map(() => []), nodes = widths.map(() => []);
  for (let c = 0; c < columns; c++) {
    if (first.small) {
      for (let k = 0; c && k < widths[c - 1] * widths[c]; k++) {
        const j = k % widths[c], at = 0.24 + 0.14 * (j % 2); // where on the line its number stands
        const [x0, y0, x1, y1] = [x(c - 1), y(c - 1, Math.floor(k / widths[c])), x(c), y(c, j)];
        const line = h("line", { x1: x0 + radius, y1: y0, x2: x1 - radius, y2: y1, "stroke-opacity": 0 });
        const label = h("text", { x: x0 + at * (x1 - x0), y: y0 + at * (y1 - y0) + 4, "text-anchor": "middle", class: "nn-halo" });
        edges[c].push([line, widths[c - 1] * widths[c] <= 12 ? label : null]);
      }
      net.append(...edges[c].map(([line]) => line), ...edges[c].map(([, label]) => label).filter(Boolean));
    }
    const more = widths[c] > 128 ? `, the first 128 of ${widths[c]}` : "", label = names(c) + (first.kinds[c] ? `: ${first.kinds[c]}` : "") + more;
    if (first.small) net.append(h("text", { x: x(c), y: 16, "text-anchor": "middle" }, names(c), h("title", {}, label)));
    else if (c) net.append(h("text", { x: 6, y: 150 * (c - 1) + 16 }, label));
    for (let u = 0; u < Math.min(widths[c], 128) && (first.small || c); u++) {
      const bar = 688 / Math.min(widths[c], 128);
      const shape = first.small ? h("circle", { cx: x(c), cy: y(c, u), r: radius, fill: "var(--paper)" })
        : h("rect", { x: 6 + u * bar, width: Math.max(bar - 1, 1), y: 150 * (c - 1) + 80, height: 0 });
      const hit = first.small ? null : h("rect", { x: 6 + u * bar, width: bar, y: 150 * (c - 1) + 24, height: 120, fill: "transparent" });
      const value = h("text", first.small ? { x: x(c) + (roomy ? 0 : 11), y: y(c, u) + 4, "text-anchor": roomy ? "middle" : "start", class: "nn-halo" }
        : { x: 6 + (u + 0.5) * bar, y: 150 * (c - 1) + 142, "text-anchor": "middle" });
      const blame = h("text", { x: x(c), y: y(c, u) + radius + 12, "text-anchor": "middle", class: "nn-halo" });
      const group = h("g", { role: "button", class: "nn-node", tabindex: "-1", "aria-pressed": "false", style: "cursor: pointer",
        onclick: () => choose(c, u), onkeydown: (event) => arrows(event, c, u), ...KEEP_KEYS }, hit, shape);
      nodes[c].push({ group, shape, value, blame });
      net.append(...[group, value, roomy ? blame : null].filter(Boolean)); // the numbers are in the label of the group
    }
  }

  function arrows(event, c, u) {
    const move = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!move && event.key !== "Enter" && event.key !== " ") return;
    const [across, along] = first.small ? move ?? [0, 0] : [...(move ?? [0, 0])].reverse();
    const to = Math.max(0, Math.min(columns - 1, c + across));
    const unit = Math.max(0, Math.min(nodes[to].length - 1, u + along));
    if (nodes[to].length) choose(to, unit, true);
    event.preventDefault();
  }

  // A small net has every unit's equation in its frames, so the page needs nobody; the kernel is told all the same.
  function choose(column, unit, focus = false) {
    [state.chosen[column], state.focus] = [unit, column];
    if (frames.has(shown)) draw(frames.get(shown));
    if (focus) nodes[column][unit].group.focus();
    tell({ do: "choose", column, unit });
  }

  // ---- the plane, the images, the curve
  const side = h("div", { class: "nn-columns" });
  const plane = first.points ? h("canvas", { width: 240, height: 240, role: "img", class: "nn-plane", style: "width: 240px; height: 240px; border: 1px solid var(--line)" }) : null;
  const curve = h("svg", { viewBox: "0 0 420 200", class: "nn-curve", role: "img", width: 420 });
  const past = h("polyline", { fill: "none", stroke: "var(--plus)", "stroke-width": 2 });
  const future = h("polyline", { fill: "none", stroke: "var(--line)", "stroke-width": 1, "stroke-dasharray": "3 3" });
  const spot = h("circle", { r: 5, fill: "var(--mark)" });
  const [high, low, now] = [h("text", { x: 2, y: 16 }), h("text", { x: 2, y: 178 }), h("text", { x: 230, y: 198, "text-anchor": "middle" })];
  curve.append(h("path", { d: "M52 6 V180 H414", fill: "none", stroke: "var(--line)" }), future, past, spot, high, low, now);
  const canvas = (label, size) => h("canvas", { role: "img", "aria-label": label, style: `width: ${size}px; image-rendering: pixelated; border: 1px solid var(--line)` });
  const input = canvas("the chosen example", 112), wall = canvas("weights of the first layer", 400);
  const wallNote = h("div", {}), misread = h("div", { class: "nn-columns nn-misread", style: "gap: 8px" }), misreadNote = h("div", {});
  if (!first.small) side.append(h("div", {}, first.side ? ["the example", h("br"), input] : []), h("div", {}, wallNote, wall));
  side.append(...[plane, curve].filter(Boolean));
  const key = first.small
    ? "In a node: its value, under it d, its gradient. On a line: the weight, or d, its gradient. Solid blue above zero, dashed orange below, wider is larger. A click or the arrow keys choose a unit."
    : "A bar for each unit: its value, or in backward phases its gradient; up above zero, down below. A click or the arrow keys choose a unit.";
  root.append(net, h("div", { class: "nn-key" }, key), side, h("div", {}, misreadNote, misread));
  const points = (first.points ?? "").split(" ").filter(Boolean).map((text) => text.split(",").map(Number));

  function marker(context, px, py, kind, size, how) {
    context.beginPath();
    if (kind % 3 === 0) context.arc(px, py, size, 0, 7);
    else if (kind % 3 === 1) context.rect(px - size, py - size, 2 * size, 2 * size);
    else [[0, -1.4], [1.3, 1], [-1.3, 1]].forEach(([a, b], i) => context[i ? "lineTo" : "moveTo"](px + a * size, py + b * size));
    context.closePath();
    context[how]();
  }

  function drawPlane(frame) {
    const map = maps.get(batchOf(frame.p)), dark = getComputedStyle(root).getPropertyValue("--ink");
    const key = `${batchOf(frame.p)} ${batchOf(frame.p - 1)} ${dark}`;
    if (!map || key === drawnMap) return;
    drawnMap = key;
    const context = plane.getContext("2d"), [left, bottom, right, top] = first.extent, n = first.fine, size = 240 / n, colours = CLASSES[isDark()];
    context.clearRect(0, 0, 240, 240);
    bytes(map.map).forEach((label, i, all) => {
      const border = (i % n && all[i - 1] !== label) || (i >= n && all[i - n] !== label); // two pale colours are one grey
      [context.globalAlpha, context.fillStyle] = border ? [0.6, dark] : [0.25, colours[label % 6]];
      context.fillRect((i % n) * size, Math.floor(i / n) * size, size, size);
    });
    context.globalAlpha = 1;
    const place = (a, b) => [(240 * (a - left)) / (right - left), (240 * (top - b)) / (top - bottom)];
    for (const [a, b, label] of points) {
      context.fillStyle = colours[label % 6];
      marker(context, ...place(a, b), label, 3, "fill");
    }
    [context.strokeStyle, context.lineWidth] = [dark, 2];
    for (const point of frame.at ?? []) marker(context, ...place(...point), 0, 6, "stroke");
    plane.setAttribute("aria-label", `regions of the classes: ${map.right} of ${map.of} points in the right one; the batch is ringed`);
  }

  function drawImages(frame) {
    const images = frame.images ?? maps.get(batchOf(frame.p))?.images;
    if (images && images !== drawnMap) {
      drawnMap = images;
      const n = images.side, high = Math.ceil(images.count / 8) * (n + 1), wide = 8 * (n + 1);
      const sheet = new Uint8Array(wide * high).fill(128);
      bytes(images.data).forEach((byte, k) => {
        const image = Math.floor(k / (n * n)), row = Math.floor((k % (n * n)) / n);
        sheet[(Math.floor(image / 8) * (n + 1) + row) * wide + (image % 8) * (n + 1) + (k % n)] = byte;
      });
      picture(wall, sheet, wide, high, signed);
      wallNote.textContent = `${images.of} of the first ${images.count} units of layer 1: blue above zero, orange below, largest ${images.largest}`;
      wall.setAttribute("aria-label", wallNote.textContent);
    }
    if (frame.input) picture(input, bytes(frame.input), first.side, first.side, ink);
    set(input, { "aria-label": frame.example ?? "no example yet" });
    misread.replaceChildren();
    misreadNote.textContent = frame.misread ? `misread in this batch: ${frame.misread.count} of ${frame.misread.of}` : "";
    for (const [data, said, is] of frame.misread?.shown ?? []) {
      misread.append(h("div", {}, canvas(`a ${is} read as ${said}`, 42), h("div", {}, `${is} read as ${said}`)));
      picture(misread.lastChild.firstChild, bytes(data), first.side, first.side, ink);
    }
  }

  function drawCurve(frame) {
    const [at, losses] = state.curve;
    const done = Math.floor((frame.p + (first.perBatch - 3) / 2 + 1) / first.perBatch); // batches whose loss is known here
    if (!at.length) return set(curve, { "aria-label": "loss curve, empty so far" });
    const fine = losses.filter((v) => v !== null), top = Math.max(...fine), bottom = Math.min(...fine), far = Math.max(at[at.length - 1], 1);
    const place = (i) => `${(52 + (356 * at[i]) / far).toFixed(1)},${(174 - (162 * (losses[i] - bottom)) / (top - bottom || 1)).toFixed(1)}`;
    const split = at.filter((b) => b < done).length, all = at.map((_, i) => place(i));
    set(past, { points: all.slice(0, split).join(" ") });
    set(future, { points: all.slice(Math.max(split - 1, 0)).join(" ") });
    const [cx, cy] = all[Math.max(split - 1, 0)].split(",");
    set(spot, { cx, cy, visibility: split ? "visible" : "hidden" });
    [low.textContent, high.textContent] = [minus(bottom), minus(top)];
    now.textContent = split ? `loss of batch ${at[split - 1] + 1}: ${minus(losses[split - 1])}` : "loss by batch";
    set(curve, { "aria-label": `loss curve, ${now.textContent}; between ${low.textContent} and ${high.textContent}` });
  }

  // ---- one frame
  function draw(frame) {
    [shown, title.textContent, shapes.textContent, where.textContent] = [frame.p, frame.title, `arrays: ${frame.shapes}`, `${frame.p}`];
    slider.max = Math.max(epoch, slider.max, frame.p, state.frames.at(-1).p);
    slider.value = frame.p;
    slider.setAttribute("aria-valuetext", `${frame.p}, ${frame.title}`);
    let told = frame.equations;
    if (frame.name === "update" && told.length > 1) told = [told.find(([c, , lines]) => c >= state.focus && lines[0].length > 1) ?? told[told.length - 1]];
    const ringed = frame.name === "batch" ? [] : told.map(([c]) => c);
    equation.textContent = told.flatMap(([c, from, units]) => units[Math.max(0, Math.min(units.length - 1, state.chosen[c] - from))]).join("\n");
    set(band, { x: x(frame.column ?? 0) - 38, visibility: first.small && frame.column !== null ? "visible" : "hidden" });
    for (let c = 0; c < columns; c++) {
      const weights = frame.weights?.[c];
      const largest = weights ? Math.max(...weights.map((w) => Math.abs(w ?? 0))) || 1 : 1;
      edges[c].forEach(([line, label], k) => {
        const w = weights?.[k] ?? 0;
        set(line, { stroke: w < 0 ? "var(--minus)" : "var(--plus)", "stroke-dasharray": w < 0 ? "6 4" : "none",
          "stroke-width": (0.6 + (3.4 * Math.abs(w)) / largest).toFixed(2), "stroke-opacity": w ? 1 : 0 });
        if (label) label.textContent = w ? (frame.gradients === c ? `d ${brief(w)}` : brief(w)) : "";
      });
      const values = frame.name === "backward" && !first.small ? frame.blame[c] : frame.values[c];
      const peak = Math.max(...(values ?? []).map((v) => Math.abs(v ?? 0)), 1e-9);
      nodes[c].forEach(({ group, shape, value, blame }, u) => {
        const [v, g] = [frame.values[c]?.[u], frame.blame[c]?.[u]];
        const chosen = state.chosen[c] === u, ring = chosen && ringed.includes(c), active = frame.column === c;
        const says = `${v === undefined ? "" : `, value ${minus(v)}`}${g === undefined ? "" : `, blame ${minus(g)}`}`;
        set(group, { "aria-label": `${names(c)}, unit ${u + 1}${says}`, "aria-pressed": chosen, tabindex: chosen && c === state.focus ? "0" : "-1" });
        if (first.small) {
          set(shape, { stroke: ring ? "var(--mark)" : "var(--ink)", "stroke-width": ring ? 4 : active ? 2.5 : 1.2 });
          value.textContent = v === undefined ? "" : brief(v) + (!roomy && g !== undefined ? `, d ${brief(g)}` : "");
          blame.textContent = g === undefined ? "" : `d ${brief(g)}`;
        } else {
          const tall = (50 * Math.abs(values?.[u] ?? 0)) / peak, base = 150 * (c - 1) + 80, below = values?.[u] < 0;
          set(shape, { y: below ? base : base - tall, height: Math.max(tall, 0.5), fill: below ? "var(--minus)" : "var(--plus)",
            stroke: ring ? "var(--mark)" : "none", "stroke-width": 3 });
          value.textContent = values && widths[c] <= 16 ? `${u}: ${brief(values[u])}` : "";
        }
      });
    }
    if (plane) drawPlane(frame);
    if (!first.small) drawImages(frame);
    drawCurve(frame);
  }

  // ---- moving, playing, and the kernel
  function move(position) {
    pause(false);
    target = Math.max(0, position);
    if (frames.has(target)) draw(frames.get(target));
    tell({ do: "go", position: target });
  }

  function tell(message) {
    next.delete(message.do);
    next.set(message.do, message); // of each kind the newest wish; older ones that were not sent are out of date
    if (busy()) return;
    const mine = `${page}:${++count}`, [kind, oldest] = next.entries().next().value;
    next.delete(kind);
    [waiting, sentAt] = [mine, performance.now()];
    setTimeout(() => { if (waiting === mine) silent(); }, PATIENCE);
    new Promise((resolve) => resolve(send({ ...oldest, id: mine }))).catch(silent); // a dead kernel may throw, now or later
  }

  function silent() {
    lost = true;
    if (playing && !frames.has(shown + 1)) pause(false);
    const known = [...frames.keys()].sort((a, b) => a - b);
    problem.textContent = `No answer from the kernel yet. Positions ${known[0]} to ${known.at(-1)} can still be visited.`;
    if (!frames.has(target)) target = shown;
  }

  function run() {
    [playing, ended, play.textContent, last] = [true, false, "pause", performance.now()];
    equation.setAttribute("aria-live", "off"); // nobody can listen to sixty equations a second
    requestAnimationFrame(tick);
  }

  function pause(follow = true) {
    if (!playing) return;
    [playing, play.textContent] = [false, "play"];
    equation.setAttribute("aria-live", "polite");
    if (follow) move(shown);
  }

  function tick(time) {
    if (!playing || !root.isConnected) return;
    const pace = Number(speed.value);
    if (time - last >= 1000 / pace - 4) {
      last = time;
      if (frames.has(shown + 1)) draw(frames.get(shown + 1));
      else if (ended) return pause();
      target = shown;
    }
    let far = shown;
    while (frames.has(far + 1) && far < shown + pace) far++; // a second of frames is kept ahead
    if (far < shown + pace && !busy() && !ended) tell({ do: "play", position: far, count: Math.min(240, 2 * pace + 8) });
    requestAnimationFrame(tick);
  }

  function merge(fresh) {
    if (fresh.version !== state.version) { frames.clear(); maps.clear(); drawnMap = null; }
    state = fresh;
    maps.set(batchOf(state.position), state.now);
    for (const frame of state.frames) {
      frames.delete(frame.p); // so that the new one counts as the youngest
      frames.set(frame.p, frame);
      if (frame.map || frame.name === "start" || frame.name === "update") maps.set(batchOf(frame.p), frame);
    }
    for (const p of frames.keys()) { if (frames.size <= most) break; frames.delete(p); }
    if (maps.size > most) maps.delete([...maps.keys()][0]);
  }

  function update(fresh) {
    const mine = fresh.answered === waiting;
    merge(fresh);
    if (mine || lost) [waiting, lost, problem.textContent] = [null, false, ""];
    if (fresh.problem) { problem.textContent = `Stopped: ${fresh.problem}`; ended = true; next.clear(); }
    example.value = state.example;
    if (next.size) return tell([...next.values()][0]);
    if (!playing && waiting === null) target = state.position;
    draw(frames.get(playing ? shown : target) ?? frames.get(state.position) ?? state.frames[0]);
  }

  merge(first);
  draw(frames.get(first.position) ?? first.frames[0]);
  if (plane) paintWhenShown(plane, root, () => draw(frames.get(shown) ?? state.frames[0]));
  return update;
}
export default { render: start(stepper) };
