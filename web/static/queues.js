// Refreshes the cards of the queues every three seconds while the page is visible. Cards change
// places as queues fill and empty: not while something is marked, or a button is under the pointer.

const EVERY = 3000;
const place = document.getElementById("queues");

function isInUse() {
  const selection = document.getSelection();
  return place.querySelector("button:hover, button:active") || place.contains(selection?.anchorNode) && !selection.isCollapsed;
}

async function refresh() {
  if (document.hidden || isInUse()) return;
  const answer = await fetch(place.dataset.url, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // the next one may come; a reload would say why
  const text = await answer.text();
  if (isInUse()) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  const aside = Object.fromEntries([...place.querySelectorAll(".wide-table")].map((each) => [each.ariaLabel, each.scrollLeft]));
  place.innerHTML = text; // a piece of a page of ours, escaped there
  for (const each of place.querySelectorAll(".wide-table")) each.scrollLeft = aside[each.ariaLabel] ?? 0;
  if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
