// Plays the training steppers of a page without a kernel: a model that answers from frames kept when the site was built.
// The widget's own module (widgets.js) draws and moves; it does not know that nobody computes.
"use strict";

const PLACES = new Map([...document.querySelectorAll(".nn-kept")].map((place) => [place.dataset.walk, place]));
const FOLDER = `${document.documentElement.dataset.content_root ?? "./"}_static/walks/`;

// The widgets look for JupyterLab's mark of the theme.
const html = document.documentElement;
const tellTheme = () => document.body.setAttribute("data-jp-theme-light", String(html.dataset.theme !== "dark"));
new MutationObserver(tellTheme).observe(html, { attributes: true, attributeFilter: ["data-theme"] });
tellTheme();

// What the page shows as equation at a frame, as stepper.js chooses it.
function equationOf(frame, { chosen, focus }) {
  let told = frame.equations;
  if (frame.name === "update" && told.length > 1) told = [told.find(([c, , lines]) => c >= focus && lines[0].length > 1) ?? told.at(-1)];
  const lines = told.flatMap(([c, from, units]) => units[Math.max(0, Math.min(units.length - 1, chosen[c] - from))]);
  return lines.join("\n").split("\n").join("; ").replaceAll(":;", ":");
}

function keptModel(walk) {
  const frames = new Map(walk.frames.map((frame) => [frame.p, frame]));
  const kept = [...frames.keys()].sort((a, b) => a - b);
  const { perBatch, small } = walk.first;
  const listeners = new Set();
  let { position, chosen, focus } = walk.first;
  let furthest = position;
  let end = null; // where play had to stop
  let state = walk.first;

  const nearest = (wish) => kept.reduce((best, p) => (Math.abs(p - wish) < Math.abs(best - wish) ? p : best));

  // As describe() in Python; the equation is that of the chosen unit.
  function words(frame) {
    const told = equationOf(frame, { chosen, focus });
    return walk.words[frame.p].replace(/^Equation: .*$/m, () => `Equation: ${told}.`);
  }

  // The losses that are known where the reader has been; the page must not show what is still to come.
  function curve() {
    const [at, losses] = walk.curve;
    const known = at.filter((batch) => batch < Math.floor((furthest + (perBatch - 3) / 2 + 1) / perBatch)).length;
    return [at.slice(0, known), losses.slice(0, known)];
  }

  function answer(message) {
    let problem = null;
    let shown = [position];
    if (message.do === "go" || message.do === "play") {
      position = nearest(message.position);
      if (position !== message.position) problem = `of position ${message.position} this page keeps nothing; the nearest is ${position}`;
      shown = [position];
      if (message.do === "play") {
        for (let p = position + 1; frames.has(p) && p <= position + message.count; p++) shown.push(p);
        end = frames.has(shown.at(-1) + 1) ? null : shown.at(-1);
      }
      if (end !== null && shown.at(-1) === end) problem ??= `the walk kept for this page ends at position ${end}; the notebook goes on`;
    } else if (message.do === "choose" && small) {
      chosen = chosen.map((unit, column) => (column === message.column ? message.unit : unit));
      focus = message.column;
    } else problem = "the numbers of other units and examples need Python; the notebook has them";
    furthest = Math.max(furthest, shown.at(-1));
    const now = frames.get(Math.floor(position / perBatch) * perBatch);
    state = { ...walk.first, position, chosen, focus, problem, answered: message.id, now, curve: curve(),
      frames: shown.map((p) => frames.get(p)), description: words(frames.get(position)) };
  }

  return {
    get: () => JSON.stringify(state),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    send: (message) => setTimeout(() => {
      answer(message);
      listeners.forEach((listener) => listener());
    }),
  };
}

// Called by a file of _static/walks: JSON, packed and in base64, so that it can be read from a disk as well.
async function nnWalk(name, packed) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const walk = JSON.parse(await new Response(unpacked).text());
  const place = PLACES.get(name);
  const el = document.createElement("div");
  place.before(el);
  nnWidgets["stepper.js"].render({ model: keptModel(walk), el });
  for (const image of place.closest(".cell_output").querySelectorAll(":scope img")) image.hidden = true;
}

if ("DecompressionStream" in window) {
  for (const name of PLACES.keys()) {
    const script = document.createElement("script");
    script.src = `${FOLDER}${name}.js`;
    document.head.append(script);
  }
}
