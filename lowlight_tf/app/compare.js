// Two pictures and a divider, a range input over them; a click beside it names a place. `element`, `trigger` and `watch` are Gradio's.
let position = 50;

function show() {
  const after = element.querySelector(".after");
  if (!after) return;
  after.style.clipPath = `inset(0 0 0 ${position}%)`;
  element.querySelector(".line").style.left = `${position}%`;
  element.querySelector(".divider").value = position;
}

element.addEventListener("input", (event) => {
  if (!event.target.matches(".divider")) return;
  position = Number(event.target.value);
  show();
});

element.addEventListener("click", (event) => {
  const views = event.target.closest(".views");
  if (!views || event.target.matches(".divider")) return;
  const seen = views.getBoundingClientRect();
  // A piece at 100 % is never scaled: where it is wider than the screen, its middle is seen.
  const after = views.querySelector(".after");
  const exact = views.parentElement.classList.contains("exact");
  const [width, height] = exact ? [Number(after.getAttribute("width")), Number(after.getAttribute("height"))] : [seen.width, seen.height];
  trigger("select", {
    x: 0.5 + (event.clientX - seen.left - seen.width / 2) / width,
    y: 0.5 + (event.clientY - seen.top - seen.height / 2) / height,
  });
});

watch("value", show);
show();
