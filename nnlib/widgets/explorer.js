// The page of every explorer: controls as Python declares them, the picture that Python drew, one line that says it.
// A slider speaks at most once per answer of the kernel, and always says its last word.

const PATIENCE = 3000; // milliseconds without an answer until the page says so

function decimals(step) {
  return (String(step).split(".")[1] || "").length;
}

function shown(value, step) {
  const places = Math.max(decimals(step), Number.isInteger(value) ? 0 : Math.min(4, decimals(value)));
  return value.toFixed(places).replace("-", "−");
}

// One control: { node, show(control) }, where `show` follows the kernel.
function makeControl(control, say) {
  if (control.kind === "button") {
    const node = h("button", { type: "button", "data-name": control.name, onclick: () => say({ do: "press", name: control.name }) }, control.label);
    return { node, show: (now) => (node.textContent = now.label) };
  }
  if (control.kind === "choice") {
    const options = control.options.map((name) => h("option", { value: name }, name));
    const select = h("select", { ...KEEP_KEYS, "data-name": control.name }, options);
    select.addEventListener("change", () => say({ do: "set", name: control.name, value: select.value }));
    return { node: h("label", {}, control.label, select), show: (now) => (select.value = now.value) };
  }
  if (control.kind === "check") {
    const box = h("input", { type: "checkbox", ...KEEP_KEYS, "data-name": control.name });
    box.addEventListener("change", () => say({ do: "set", name: control.name, value: box.checked }));
    return { node: h("label", {}, box, control.label), show: (now) => (box.checked = now.value) };
  }
  const { low, high, step } = control;
  const range = h("input", { type: "range", min: low, max: high, step, ...KEEP_KEYS, "data-name": control.name });
  const value = h("span", { class: "nn-value", "aria-hidden": "true" });
  range.addEventListener("input", () => {
    value.textContent = shown(Number(range.value), step);
    say({ do: "set", name: control.name, value: Number(range.value) });
  });
  const show = (now) => {
    range.value = now.value;
    value.textContent = shown(now.value, step);
    range.setAttribute("aria-valuetext", value.textContent);
  };
  return { node: h("label", { class: "nn-slider" }, h("span", { class: "nn-name" }, control.label), range, value), show };
}

function drawExplorer(first, { root, send }) {
  const panel = h("fieldset", { class: "nn-controls" }, h("legend", {}, "controls"));
  const headline = h("p", { class: "nn-headline", role: "status" });
  const silence = h("p", { class: "nn-silence", role: "alert" });
  const picture = h("div", { class: "nn-picture" });
  root.append(panel, headline, silence, picture);

  // What is being said: one message under way, and of those that wait only the last of each control.
  let said = first.answered;
  let busy = false;
  let timer = null;
  const waiting = [];
  const speak = () => {
    if (busy || !waiting.length) return;
    busy = true;
    timer = setTimeout(() => {
      busy = false; // the next move may try again
      silence.textContent = "The kernel does not answer. If it has stopped, run the cell again.";
    }, PATIENCE);
    send(waiting.shift());
  };
  const say = (message) => {
    const last = waiting.findIndex((other) => other.do === "set" && message.do === "set" && other.name === message.name);
    if (last >= 0) waiting.splice(last, 1);
    waiting.push(message);
    speak();
  };

  let made = [];
  let plan = "";
  const planOf = (controls) => JSON.stringify(controls.map((control) => [control.kind, control.name, control.low, control.high, control.options]));
  const update = (state) => {
    if (planOf(state.controls) !== plan) {
      plan = planOf(state.controls);
      made.forEach((control) => control.node.remove());
      made = state.controls.map((control) => makeControl(control, say));
      panel.append(...made.map((control) => control.node));
    }
    if (state.answered !== said) {
      said = state.answered;
      clearTimeout(timer);
      silence.textContent = "";
      busy = false;
    }
    // what the reader has moved since is ahead of the kernel: leave it
    state.controls.forEach((control, i) => {
      if (!waiting.some((message) => message.name === control.name)) made[i].show(control);
    });
    if (headline.textContent !== state.headline) headline.textContent = state.headline;
    picture.innerHTML = state.svg; // made by nnlib, with every text escaped
    speak();
  };
  update(first);

  // The question comes first: the controls wait until it is answered or skipped.
  if (first.prediction && first.answered === 0) {
    panel.disabled = true;
    root.parentNode.addEventListener("predicted", () => (panel.disabled = false));
  }
  return update;
}

export default { render: start(drawExplorer) };
