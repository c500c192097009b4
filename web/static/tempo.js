// Tapping a tempo: the middle gap between taps, and of the others those that are near it.

const button = document.querySelector("[data-tap]");
let taps = [];

function tempo() {
  const gaps = taps.slice(1).map((tap, place) => tap - taps[place]);
  const middle = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)];
  const steady = gaps.filter((gap) => Math.abs(gap - middle) <= middle / 4);
  return (60000 * steady.length) / steady.reduce((sum, gap) => sum + gap, 0);
}

// At the press: a click comes when the finger is lifted. A key gives a click alone.
for (const kind of ["pointerdown", "click"]) {
  button?.addEventListener(kind, (event) => {
    if (kind === "click" && event.detail) return;
    const last = taps.at(-1) ?? -Infinity;
    if (event.timeStamp - last > 3500) taps = []; // another begin
    taps.push(event.timeStamp);
    button.textContent = `Tap ${taps.length}`;
    if (taps.length >= 4) document.getElementById(button.dataset.tap).value = tempo().toFixed(1);
  });
}
if (button) button.hidden = false;
