"use strict";
// Without this script the page shows every picture side by side and the tables as they are.

function clamp(value, low, high) { return Math.min(Math.max(value, low), high); }

function element(name, attributes) {
  const made = document.createElement(name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  return made;
}

// One picture: two views on each other, a divider between them.
function enliven(compare) {
  const views = [...compare.querySelectorAll(".view")];
  const buttons = [...compare.parentElement.querySelectorAll(".choice button")];
  if (!buttons.length) return;
  const divider = element("div", {"class": "divider", role: "slider", tabindex: "0", "aria-orientation": "horizontal",
    "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Divider of " + compare.dataset.name});
  let at = 50, left = "", right = "";

  function move(to) {
    at = clamp(to, 0, 100);
    compare.style.setProperty("--at", at + "%");
    divider.setAttribute("aria-valuenow", String(Math.round(at)));
    divider.setAttribute("aria-valuetext", Math.round(at) + " % " + left + ", " + Math.round(100 - at) + " % " + right);
  }

  function choose(button) {
    views.forEach((view, place) => {
      view.classList.toggle("left", place === Number(button.dataset.left));
      view.classList.toggle("right", place === Number(button.dataset.right));
    });
    left = compare.querySelector(".left figcaption").textContent;
    right = compare.querySelector(".right figcaption").textContent;
    buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    move(at);
  }

  function follow(event) {
    const box = compare.getBoundingClientRect();
    move(100 * (event.clientX - box.left) / box.width);
  }

  // A finger that scrolls the page past a picture must not move its divider: it does so from the first sideways step on, or with a tap.
  let press = null;
  compare.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || press !== null) return;
    press = {id: event.pointerId, x: event.clientX, y: event.clientY, drags: event.pointerType === "mouse"};
    compare.setPointerCapture(press.id);
    divider.focus({preventScroll: true});
    if (press.drags) follow(event);
    event.preventDefault();
  });
  compare.addEventListener("pointermove", (event) => {
    if (press === null || event.pointerId !== press.id) return;
    const across = Math.abs(event.clientX - press.x), along = Math.abs(event.clientY - press.y);
    press.drags = press.drags || across > Math.max(along, 4);
    if (press.drags) follow(event);
  });
  compare.addEventListener("pointerup", (event) => {
    if (press === null || event.pointerId !== press.id) return;
    if (press.drags || Math.hypot(event.clientX - press.x, event.clientY - press.y) < 10) follow(event);
    press = null;
  });
  compare.addEventListener("pointercancel", (event) => { if (press !== null && event.pointerId === press.id) press = null; });

  divider.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 10 : 2;
    const to = {ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step, PageDown: at - 10, PageUp: at + 10,
      Home: 0, End: 100}[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(to);
  });

  buttons.forEach((button) => button.addEventListener("click", () => choose(button)));
  compare.classList.add("live");
  compare.append(divider);
  choose(buttons[0]);
}

// The table's heads sort the table and the pictures below it.
function compareValues(one, other, kind) {
  if (kind === "text") return one.localeCompare(other, undefined, {numeric: true});
  return Number(one) - Number(other);
}

function sortable(table) {
  const body = table.tBodies[0], main = document.querySelector("main");
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button.disabled = false;
    button.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const value = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows].sort((one, other) => {
        const empty = (value(one) === "") - (value(other) === "");  // what has no number comes last either way
        return empty || direction * compareValues(value(one), value(other), button.dataset.kind) || one.dataset.place - other.dataset.place;
      });
      heads.forEach((each) => each.setAttribute("aria-sort", each === head ? (direction === 1 ? "ascending" : "descending") : "none"));
      rows.forEach((row) => {
        body.append(row);
        main.append(document.getElementById("picture-" + row.dataset.place));
      });
    });
  });
}

document.querySelectorAll(".compare").forEach(enliven);
sortable(document.getElementById("index"));
