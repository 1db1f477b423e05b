// DrawDigit: the sheet is drawn here, stroke by stroke; Python makes 28 × 28 pixels of it and asks the network.

const SHEET = 224; // pixels of the page
const PAUSE = 60; // milliseconds between two messages while a line is being drawn
const KEY_STEP = 0.025; // how far an arrow key moves the pen

function drawDigit(first, { root, send }) {
  let state = first;
  let strokes = first.strokes.map((stroke) => stroke.slice());
  let current = null; // the stroke under the pen
  let pen = [0.5, 0.5]; // where the keyboard's pen is
  let keyDown = false;
  let timer = null;
  let waiting = null; // the last message, until Python has answered it
  let count = 0;
  const page = Math.random().toString(36).slice(2); // the same sheet may be shown twice

  const sheet = h("canvas", {
    width: SHEET, height: SHEET, tabindex: "0", role: "img", class: "nn-sheet",
    "aria-label": "sheet to draw on: drag, or move the pen with the arrow keys and put it down or lift it with Space",
    ...KEEP_KEYS,
  });
  const seen = h("canvas", { width: 28, height: 28, role: "img", "aria-label": "the 28 by 28 pixels that the network sees", class: "nn-seen" });
  const undo = h("button", { type: "button", onclick: () => change(strokes.slice(0, -1)) }, "undo");
  const clear = h("button", { type: "button", onclick: () => change([]) }, "clear");
  const hint = h("span", { class: "nn-hint", role: "status" }, "");
  const rows = Array.from({ length: first.classes ?? 10 }, (_, digit) => {
    const bar = h("span", { class: "nn-bar-fill" });
    const number = h("span", { class: "nn-bar-number" }, "");
    const row = h("div", { class: "nn-bar-row" }, h("span", {}, String(digit)), h("span", { class: "nn-bar" }, bar), number);
    return { row, bar, number };
  });
  root.append(
    h("div", { class: "nn-columns" },
      h("div", {}, h("div", {}, "draw a digit"), sheet, h("div", {}, undo, clear, hint)),
      h("div", {}, h("div", {}, "what it sees"), seen),
      h("div", { class: "nn-bars", role: "group", "aria-label": "probability of each digit" }, h("div", {}, "what it says"), rows.map((r) => r.row))),
  );

  const context = sheet.getContext("2d");

  function paint() {
    const style = getComputedStyle(root);
    context.fillStyle = style.getPropertyValue("--paper");
    context.fillRect(0, 0, SHEET, SHEET);
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--ink");
    context.lineWidth = state.pen * SHEET;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of current ? [...strokes, current] : strokes) {
      context.beginPath();
      stroke.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x * SHEET, y * SHEET));
      if (stroke.length === 1) context.lineTo(stroke[0][0] * SHEET + 0.01, stroke[0][1] * SHEET);
      context.stroke();
    }
    if (document.activeElement === sheet) {
      // a ring where the keyboard's pen is, filled while it is down
      context.lineWidth = 2;
      context.strokeStyle = context.fillStyle = style.getPropertyValue("--minus");
      context.beginPath();
      context.arc(pen[0] * SHEET, pen[1] * SHEET, 6, 0, 7);
      context.stroke();
      if (keyDown) context.fill();
    }
  }

  function show() {
    const bytes = Uint8Array.from(atob(state.pixels), (c) => c.charCodeAt(0));
    const image = seen.getContext("2d").createImageData(28, 28);
    bytes.forEach((ink, i) => image.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * i));
    seen.getContext("2d").putImageData(image, 0, 0);
    const P = state.probabilities;
    const best = P ? P.indexOf(Math.max(...P)) : -1;
    rows.forEach(({ row, bar, number }, digit) => {
      bar.style.width = `${100 * (P ? P[digit] : 0)}%`;
      number.textContent = P ? P[digit].toFixed(2) + (digit === best ? " ◂" : "") : "";
      row.classList.toggle("nn-best", digit === best);
    });
    undo.disabled = clear.disabled = strokes.length === 0;
  }

  // While a line is being drawn at most one message per PAUSE; the end of a stroke is always sent.
  function tell(now) {
    const message = () => {
      timer = null;
      waiting = `${page}:${++count}`;
      send({ do: "draw", strokes: current ? [...strokes, current] : strokes, id: waiting });
    };
    if (now) {
      clearTimeout(timer);
      message();
    } else if (timer === null) timer = setTimeout(message, PAUSE);
  }

  function change(next) {
    strokes = next;
    current = null;
    keyDown = false;
    paint();
    undo.disabled = clear.disabled = strokes.length === 0;
    tell(true);
  }

  const place = (event) => {
    const box = sheet.getBoundingClientRect();
    const share = (value) => Math.round(10000 * Math.min(1, Math.max(0, value))) / 10000;
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
  };
  const extend = (point) => {
    current.push(point);
    paint();
    tell(false);
  };
  const finish = () => {
    if (current) change([...strokes, current]);
  };

  sheet.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    sheet.setPointerCapture(event.pointerId);
    finish();
    current = [];
    extend(place(event));
  });
  sheet.addEventListener("pointermove", (event) => {
    if (current && sheet.hasPointerCapture(event.pointerId)) extend(place(event));
  });
  for (const end of ["pointerup", "pointercancel"]) sheet.addEventListener(end, finish);

  sheet.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (step) {
      pen = pen.map((value, i) => Math.min(1, Math.max(0, value + KEY_STEP * step[i])));
      if (keyDown) extend(pen.slice());
      else paint();
    } else if (keyDown) {
      finish();
    } else {
      keyDown = true;
      current = [];
      extend(pen.slice());
    }
    hint.textContent = `pen ${keyDown ? "down" : "up"}, ${Math.round(100 * pen[0])} % from the left, ${Math.round(100 * pen[1])} % from the top`;
  });
  sheet.addEventListener("focus", paint);
  sheet.addEventListener("blur", () => {
    if (keyDown) finish();
    hint.textContent = "";
    paint();
  });
  paintWhenShown(sheet, root, paint);
  show();
  return (next) => {
    state = next;
    if (next.answered === waiting) waiting = null;
    // while an answer is due the page is ahead of the kernel: to follow it would lose what was drawn since
    if (!current && waiting === null) {
      strokes = next.strokes.map((stroke) => stroke.slice());
      paint();
    }
    show();
  };
}

export default { render: start(drawDigit) };
