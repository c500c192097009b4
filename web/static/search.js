// Search as one types: a combobox with its list,
// https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

const PAUSE = 120; // ms without a key before anything is asked

export function followSearch(input, awaitPictures) {
  if (!input) return;
  const list = document.getElementById("suggestions");
  let timer;
  let request;

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  input.addEventListener("focus", () => list.childElementCount && input.value.trim() && show(true));
  document.addEventListener("click", (event) => {
    if (!input.form.contains(event.target)) show(false);
  });
  input.form.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !input.form.contains(event.relatedTarget)) show(false);
  });
  input.addEventListener("keydown", (event) => {
    const options = list.hidden ? [] : [...list.querySelectorAll("[role=option]")];
    const chosen = options.findIndex((each) => each.ariaSelected === "true");
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      show(false);
    } else if (event.key === "ArrowDown" && options.length) {
      choose(options, (chosen + 1) % options.length);
    } else if (event.key === "ArrowUp" && options.length) {
      choose(options, chosen < 1 ? options.length - 1 : chosen - 1);
    } else if (event.key === "Enter" && options[chosen]) {
      options[chosen].click();
    } else return;
    event.preventDefault();
  });

  async function ask() {
    request?.abort();
    const query = input.value.trim();
    if (!query) return show(false);
    request = new AbortController();
    try {
      const url = `${input.dataset.url}?q=${encodeURIComponent(query)}`;
      const answer = await fetch(url, { signal: request.signal });
      if (!answer.ok || answer.redirected) return show(false);
      list.innerHTML = await answer.text(); // a piece of a page of ours, escaped there
    } catch (error) {
      if (error.name !== "AbortError") show(false); // the web UI does not answer: Enter will show it
      return;
    }
    awaitPictures(list);
    show(document.activeElement === input && list.childElementCount > 0);
  }

  function show(isOpen) {
    list.hidden = !isOpen;
    input.ariaExpanded = String(isOpen);
    if (!isOpen) choose([...list.querySelectorAll("[role=option]")], -1);
  }

  function choose(options, position) {
    options.forEach((each, number) => (each.ariaSelected = String(number === position)));
    const option = options[position];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }
}
