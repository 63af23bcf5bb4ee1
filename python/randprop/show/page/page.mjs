// The page: starts all parts.
import { byId, FACTS, readAddress, say, settings, startWorkers, writeAddress } from "./common.mjs";
import { repaint, showExample, showMeans, startDrawing } from "./draw.mjs";
import { draw, startDevice, startPaper, startUseful } from "./experiments.mjs";

const shows = [startDrawing(), startPaper(), startUseful(), startDevice()];

function applyTheme() {
  byId("theme").value = settings.theme;
  if (settings.theme === "auto") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = settings.theme;
  }
}

function follow() {
  const section = readAddress();
  applyTheme();
  shows.forEach((show) => show());
  if (["draw", "paper", "useful", "device"].includes(section)) {
    byId(section).scrollIntoView();
  }
}

byId("theme").addEventListener("change", ({ target }) => {
  settings.theme = target.value;
  writeAddress();
  applyTheme();
  repaint();
  draw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
document.querySelectorAll("nav a").forEach((link) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const section = byId(link.hash.slice(1));
    writeAddress(section.id);
    section.scrollIntoView();
    section.querySelector("h2").tabIndex = -1;
    section.querySelector("h2").focus({ preventScroll: true });
  }));
addEventListener("hashchange", () => {
  follow();
  showExample();
});
byId("version").textContent = say("foot.version", { version: FACTS.version });

follow();
startWorkers().then(
  () => {
    byId("notice").hidden = true;
    showMeans();
    showExample();
    document.documentElement.dataset.ready = "1";
  },
  (error) => {
    byId("notice").textContent = say("failed") + error.message;
  },
);
