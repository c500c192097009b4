// Refreshes the tables of the queues every two seconds while the page is visible.

const EVERY = 2000;
const place = document.getElementById("queues");

async function refresh() {
  if (document.hidden || place.contains(document.getSelection()?.anchorNode) && !document.getSelection().isCollapsed) return;
  const answer = await fetch(place.dataset.url).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // the next one may come; a reload would say why
  const focused = place.contains(document.activeElement) ? document.activeElement.ariaLabel : null;
  const aside = place.querySelector(".wide-table")?.scrollLeft ?? 0;
  place.innerHTML = await answer.text(); // a piece of a page of ours, escaped there
  place.querySelector(".wide-table").scrollLeft = aside;
  if (focused) place.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

setInterval(refresh, EVERY);
document.addEventListener("visibilitychange", refresh);
