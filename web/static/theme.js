// Before anything is drawn: the choice between light and dark, where the user made one here.
const chosenTheme = localStorage.getItem("theme");
if (chosenTheme) document.documentElement.dataset.theme = chosenTheme;
