// What all widgets share: making elements, the theme, speaking to the kernel, the question before the first move.
// Each widget's own file follows this text and ends with `export default { render: start(draw) }`.

// An element: h("button", { class: "x", "aria-label": "step", onclick: f }, "step"). SVG tags get their namespace.
const SVG_TAGS = new Set(["svg", "g", "line", "circle", "rect", "path", "text", "polyline", "polygon", "title", "desc", "image"]);
function h(tag, attributes = {}, ...children) {
  const node = SVG_TAGS.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// JupyterLab takes the arrow keys away from inputs unless the input itself says so; start() gives Escape back.
const KEEP_KEYS = { "data-lm-suppress-shortcuts": "true" };

function isDark() {
  const lab = document.querySelector("[data-jp-theme-light]");
  if (lab) return lab.getAttribute("data-jp-theme-light") === "false";
  if (document.body.classList.contains("vscode-dark") || document.documentElement.getAttribute("theme") === "dark") return true;
  return false;
}

// The theme of the page, now and after every change of it.
function followTheme(root) {
  const set = () => root.setAttribute("data-theme", isDark() ? "dark" : "light");
  set();
  const observer = new MutationObserver(set);
  for (const node of [document.body, document.documentElement]) {
    observer.observe(node, { attributes: true, attributeFilter: ["data-jp-theme-light", "class", "theme"] });
  }
  return () => observer.disconnect();
}

// Paint a canvas when it comes onto the page, since before that it has no colours to ask for, and after a change of theme.
function paintWhenShown(canvas, root, paint) {
  new ResizeObserver(paint).observe(canvas);
  new MutationObserver(paint).observe(root.parentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

// The question before the first move. `done` is called once it is answered or skipped.
function ask(prediction, done) {
  const verdict = h("p", { role: "status", class: "nn-verdict" });
  const panel = h("fieldset", { class: "nn-ask" }, h("legend", {}, "Predict first"), h("p", {}, prediction.question));
  const answer = (choice) => {
    const right = choice === prediction.right;
    verdict.textContent = `${choice}: ${right ? "right. " : "no. "}${prediction.options[choice]}`;
    done(choice);
  };
  for (const choice of Object.keys(prediction.options)) {
    panel.append(h("button", { type: "button", class: "nn-choice", onclick: () => answer(choice) }, choice));
  }
  const skip = () => {
    panel.remove();
    done(null);
  };
  panel.append(h("button", { type: "button", class: "nn-skip", onclick: skip }, "skip"), verdict);
  return panel;
}

// render() for anywidget: `draw(state, { root, send })` builds the widget and returns `update(state)`.
function start(draw) {
  return ({ model, el }) => {
    const read = () => JSON.parse(model.get("state"));
    const first = read();
    const root = h("div", { class: "nn-widget", role: "group", "aria-label": first.name });
    el.append(root);
    root.addEventListener("keydown", (event) => event.key === "Escape" && root.closest(".jp-Cell")?.focus());
    const stopTheme = followTheme(root);
    const send = (message) => model.send(message);
    if (first.prediction) root.append(ask(first.prediction, (choice) => root.dispatchEvent(new CustomEvent("predicted", { detail: choice }))));
    const body = h("div", { class: "nn-body" });
    root.append(body);
    const words = h("p", { class: "nn-description", "aria-live": "polite" }, first.description);
    const update = draw(first, { root: body, send });
    root.append(h("details", {}, h("summary", {}, "in words"), words));
    const changed = () => {
      const state = read();
      words.textContent = state.description;
      update(state);
    };
    model.on("change:state", changed);
    return () => {
      stopTheme();
      model.off("change:state", changed);
    };
  };
}
