// What every page does: light and dark, pictures that come, search as one types, the keyboard.
import { drawPlaceholder } from "./placeholder.js";
import { followSearch } from "./search.js";

const root = document.documentElement;
root.classList.add("with-script");

document.getElementById("theme")?.addEventListener("click", () => {
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
});

// A picture that is not there yet leaves its placeholder to be seen, and fades in when it comes.
export function awaitPictures(within) {
  for (const picture of within.querySelectorAll(".art img")) {
    if (picture.complete) continue;
    picture.classList.add("waits");
    picture.addEventListener("load", () => picture.classList.remove("waits"), { once: true });
    if (picture.dataset.hash) drawPlaceholder(picture);
  }
}
awaitPictures(document);

// Filters are sent when one is changed, and only those that say something.
for (const form of document.querySelectorAll("form[data-submits]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
  });
}

// The next page of a long list is fetched before its end is reached. Without this there are links.
const list = document.querySelector("[data-endless] .grid");
const pages = document.querySelector("nav.pages");
if (list && pages) {
  const watcher = new IntersectionObserver(fetchNext, { rootMargin: "1200px" });
  watcher.observe(pages);

  async function fetchNext([seen]) {
    const next = pages.querySelector("[rel=next]");
    if (!seen.isIntersecting || !next) return;
    watcher.unobserve(pages);
    const answer = await fetch(next.href).catch(() => null);
    if (!answer?.ok || answer.redirected) return; // the links are still there
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const entries = [...page.querySelectorAll("[data-endless] .grid > li")];
    list.append(...entries);
    entries.forEach(awaitPictures);
    pages.replaceChildren(...page.querySelector("nav.pages").children);
    pages.querySelector("[rel=prev]")?.remove();
    if (pages.querySelector("[rel=next]")) watcher.observe(pages);
    else pages.remove();
  }
}

// Arrows move within a grid; / goes to the search.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, select, textarea");
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    document.getElementById("search")?.select();
    return;
  }
  const card = event.target.closest?.("[data-grid] .card");
  const to = card && neighbour(card, event.key);
  if (!to) return;
  event.preventDefault();
  to.querySelector("a").focus();
});

function neighbour(card, key) {
  const cards = [...card.parentElement.children];
  const columns = getComputedStyle(card.parentElement).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[key];
  return step ? cards[cards.indexOf(card) + step] : undefined;
}

followSearch(document.getElementById("search"), awaitPictures);
