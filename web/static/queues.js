// Refreshes the cards of the queues, or the list of exports, every three seconds while the page is visible. Cards change
// places as queues fill and empty: not while something is marked, or a button is under the pointer.

const EVERY = 3000;
const place = document.querySelector("#queues, #exports");
let seen = "";

function isInUse() {
  const selection = document.getSelection();
  return place.querySelector("button:hover, button:active") || place.contains(selection?.anchorNode) && !selection.isCollapsed;
}

// The same name of a button may be on several cards, and one address on several links of a card.
function selector(element) {
  const card = element.closest("article")?.id;
  const own = element.ariaLabel ? `[aria-label="${CSS.escape(element.ariaLabel)}"]` : `[href="${CSS.escape(element.getAttribute("href") ?? "")}"]`;
  return card ? `#${CSS.escape(card)} ${own}` : own;
}

async function refresh() {
  if (document.hidden || isInUse()) return;
  const answer = await fetch(place.dataset.url, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // the next one may come; a reload would say why
  const text = await answer.text();
  if (isInUse() || text === seen) return;
  seen = text;
  const focused = place.contains(document.activeElement) ? selector(document.activeElement) : null;
  const aside = Object.fromEntries([...place.querySelectorAll(".wide-table")].map((each) => [each.ariaLabel, each.scrollLeft]));
  place.innerHTML = text; // a piece of a page of ours, escaped there
  for (const each of place.querySelectorAll(".wide-table")) each.scrollLeft = aside[each.ariaLabel] ?? 0;
  if (focused) place.querySelector(focused)?.focus();
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
