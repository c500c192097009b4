// Plays the tracks of a page: the one that was clicked, then those below it.

const buttons = [...document.querySelectorAll("[data-play]")];
const bar = document.getElementById("player");
const sound = bar.querySelector("audio");
const name = bar.querySelector("a");
const fault = bar.querySelector("p");
let current = -1;
let end = Infinity; // of a part of a file, in seconds; browsers stop there and say nothing

function play(index) {
  const button = buttons[index];
  if (!button) return;
  buttons[current]?.removeAttribute("aria-pressed");
  current = index;
  button.setAttribute("aria-pressed", "true");
  name.textContent = button.dataset.name;
  name.href = button.dataset.page;
  fault.hidden = true;
  bar.hidden = false;
  end = Number(/#t=[\d.]+,([\d.]+)/.exec(button.dataset.play)?.[1] ?? Infinity);
  sound.src = button.dataset.play;
  sound.play().catch(() => {}); // the event error says what is wrong
  for (const [what, step] of [["previous", -1], ["next", 1]]) {
    bar.querySelector(`[data-step="${step}"]`).disabled = !buttons[index + step];
  }
}

buttons.forEach((button, index) => button.addEventListener("click", () => {
  if (index === current && !sound.paused) sound.pause();
  else if (index === current && !sound.error) sound.play();
  else play(index);
}));
document.getElementById("play-all")?.addEventListener("click", () => play(0));
bar.addEventListener("click", (event) => {
  const step = event.target.closest("[data-step]")?.dataset.step;
  if (step) play(current + Number(step));
});
function next() {
  end = Infinity;
  if (buttons[current + 1]) play(current + 1);
  else sound.pause();
}
sound.addEventListener("ended", next);
sound.addEventListener("timeupdate", () => {
  if (sound.currentTime >= end - 0.05) next();
});
sound.addEventListener("error", () => {
  fault.querySelector("a").href = sound.src;
  fault.hidden = false;
});
