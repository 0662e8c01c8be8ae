// The strip: which photograph is shown, and which are selected. `element` is its root; `trigger` and `watch` are Gradio's.
let current = "";

function mark() {
  for (const shot of element.querySelectorAll("button.shot")) {
    shot.setAttribute("aria-pressed", String(shot.dataset.key === current));
  }
}

element.addEventListener("click", (event) => {
  const shot = event.target.closest("button.shot");
  if (!shot) return;
  current = shot.dataset.key;
  mark();
  trigger("click", { key: current });
});

element.addEventListener("change", (event) => {
  if (event.target.type === "checkbox") trigger("select", { key: event.target.dataset.key, checked: event.target.checked });
});

watch("value", mark);
